import GGUF
import Kernels

/// An adapter as a GGUF file for one model: llama.cpp's format wherever that can say it, `OwnTensors` for the rest.
///
/// - Scale: the file has one alpha, so that B(A·x) is scaled by alpha / rank. rsLoRA's alpha / √rank is alpha · √rank in
///   the file. Where pairs differ, the file has the most frequent, and the others' B is multiplied by the ratio.
/// - Experts: pairs for single experts become stacks of the largest rank, padded with zeros.
package struct AdapterConversion: Sendable {
  package let notes: [ConversionNote]
  /// What the file says; nil: nothing.
  package let alpha: Float?
  let tensors: [ConvertedTensor]
  private let metadata: [(key: String, value: MetadataValue)]

  package var tensorCount: Int { tensors.count }

  /// - Parameter type: of the matrices, one that `WeightEncoder` can write; vectors are float32.
  /// - Throws: `needsBase`, what does not fit the model, `doesNotFitType`.
  package init(_ adapter: Adapter, for target: ConversionTarget, type: TensorType) throws(AdapterError) {
    if let own = adapter.architecture, own != target.architecture {
      throw .wrongArchitecture(adapter: adapter.path, expected: target.architecture, found: own)
    }
    if let first = target.problems(adapter).first { throw first }
    var builder = try ConversionBuilder(adapter, target, type)
    try builder.addAll()
    if let tensor = builder.tensors.first(where: { !$0.fits() }) {
      throw .doesNotFitType(adapter: adapter.path, tensor: tensor.name, type: tensor.type.name)
    }
    tensors = builder.tensors
    alpha = builder.alpha
    notes = builder.notes
    metadata = Self.header(adapter, target.architecture, builder.alpha, type) + builder.keys
  }

  private static func header(
    _ adapter: Adapter, _ architecture: String, _ alpha: Float?, _ type: TensorType
  ) -> [(key: String, value: MetadataValue)] {
    var keys: [(key: String, value: MetadataValue)] = [
      ("general.architecture", .string(architecture)), ("general.type", .string("adapter")),
      ("adapter.type", .string("lora")), ("general.name", .string(adapter.name)),
    ]
    if let base = adapter.baseModel {
      keys.append(("general.base_model.count", .uint32(1)))
      keys.append(("general.base_model.0.name", .string(base)))
    }
    if let alpha { keys.append(("adapter.lora.alpha", .float32(alpha))) }
    if let task = adapter.taskName { keys.append(("adapter.lora.task_name", .string(task))) }
    if let prefix = adapter.promptPrefix { keys.append(("adapter.lora.prompt_prefix", .string(prefix))) }
    if let tokens = adapter.invocationTokens {
      keys.append(
        ("adapter.alora.invocation_tokens", .array(.uint32(tokens.map { UInt32(bitPattern: $0) }))))
    }
    if let template = adapter.template {
      keys.append((OwnTensors.templateKey, .string(template.source)))
      for (key, text) in [(OwnTensors.bosKey, template.bos), (OwnTensors.eosKey, template.eos)] {
        if let text { keys.append((key, .string(text))) }
      }
    }
    if type == .q8_0 { keys.append(("general.quantization_version", .uint32(2))) }
    return keys
  }

  private var writer: GGUFWriter {
    var writer = GGUFWriter()
    for (key, value) in metadata { writer.add(key, value) }
    for tensor in tensors {
      writer.addTensor(tensor.name, type: tensor.type, dimensions: tensor.dimensions) {
        sink throws(GGUFError) in try tensor.write(sink)
      }
    }
    return writer
  }

  /// The file in memory.
  package func serialized() throws(GGUFError) -> [UInt8] { try writer.serialized() }

  /// Writes the file; it appears under its name when it is complete.
  ///
  /// - Parameter temporary: called with the name under which the file grows, to be removed if the process is interrupted.
  package func write(to path: String, temporary: (String) -> Void = { _ in }) throws(GGUFError) {
    try writer.write(to: path, temporary: temporary)
  }
}
