import GGUF
import Kernels
import Transformer

extension Model {
  /// A sequence with the adapters that are applied now, evaluated step by step by its caller.
  ///
  /// - Throws: `ModelError` if an option is out of range.
  package func makeSession(_ options: ContextOptions) throws(ModelError) -> Session {
    let capacity = try contextLength(options)
    return Session(decoder, adapters: boundAdapters, capacity: capacity, batchSize: options.batchSize)
  }

  /// Sequences of one prompt that are decoded together; `capacity`: the positions of each.
  ///
  /// - Throws: `ModelError` if the keys and values would not fit into memory.
  package func makeSequenceGroup(count: Int, capacity: Int) throws(ModelError) -> SequenceGroup {
    let options = ContextOptions(length: capacity)
    let capacity = try contextLength(options)
    let (positions, overflow) = capacity.multipliedReportingOverflow(by: count)
    let bytes = overflow ? Int.max : cacheByteCount(positions: positions)
    guard bytes <= Processor.memoryByteCount else {
      throw .contextTooLarge(tokens: positions, bytes: bytes, memory: Processor.memoryByteCount)
    }
    return SequenceGroup(
      decoder, adapters: boundAdapters, count: count, capacity: capacity, batchSize: options.batchSize)
  }

  /// Bytes per second at which this model's threads read memory, in each of some passes over half a gigabyte.
  package func readBandwidth(passes: Int) -> [Double] {
    ReadBandwidth(decoder.compute.pool).measure(passes: passes)
  }

  /// Bytes of weights that decoding one token reads: all but the embedding, of which it reads one row, unless the
  /// embedding is the output matrix too; of a stack of experts only those that a token uses.
  package var weightBytesPerToken: Int {
    let isTied = decoder.file.tensor("output.weight") == nil
    let experts = decoder.hyperparameters.experts
    return decoder.file.tensors.reduce(0) { sum, tensor in
      if tensor.name == "token_embd.weight", !isTied { return sum }
      guard let experts, let sites = decoder.weights.sites(named: tensor.name),
        decoder.weights.sites[sites.lowerBound].expert != nil
      else { return sum + tensor.byteCount }
      return sum + tensor.byteCount / experts.count * experts.used
    }
  }

  /// Bytes of the keys and values of a sequence, or `Int.max` where that overflows.
  package func cacheByteCount(positions: Int) -> Int {
    let h = decoder.hyperparameters
    let elementBytes = kernels == KernelTable.reference.name ? 4 : 2
    let perPosition = 2 * h.layerCount * h.kvLength * elementBytes
    let (bytes, overflow) = perPosition.multipliedReportingOverflow(by: positions)
    return overflow ? .max : bytes
  }

  /// What begins each sequence, where the model wants it so.
  package var beginToken: Int32? { tokenizer.addsBOS ? tokenizer.bos : nil }
}
