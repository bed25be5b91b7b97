import Foundation
import GGUF
import Kernels
import LoRA
import TestSupport
import Testing
import Transformer

/// Models with adapters in their weights: the same logits as running the adapters unmerged.
@Suite struct ModelMergeTests {
  private static let tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 319, 0]

  private static func merge(
    _ decoder: Decoder, _ adapters: [(LoRA.Adapter, Float)], _ types: ModelMerge.Types
  ) throws -> GGUFFile {
    let entries = adapters.map { AdapterBinding.Entry($0.0, scale: $0.1) }
    return try GGUFFile(bytes: ModelMerge(decoder, entries, types: types).serialized(), name: "merged")
  }

  @Test(arguments: PEFTMergedTests.models, PEFTMergedTests.Kind.allCases) func everyKindIsAsAtRunTime(
    _ model: TinyModel, _ kind: PEFTMergedTests.Kind
  ) throws {
    let run = try DecoderRun(model, .reference)
    let adapter = try PEFTMergedTests.draft(kind, run.decoder).adapter()
    for scale: Float in [1, -0.6] {
      let expected = try run.logits(Self.tokens, run.bind([(adapter, scale)]))
      let merged = try DecoderRun(Self.merge(run.decoder, [(adapter, scale)], .all(.f32)))
      #expect(difference(try merged.logits(Self.tokens), expected) < Tolerance.floats, "at \(scale)")
      #expect(difference(expected, try run.logits(Self.tokens)) > 0.1)
    }
  }

  /// Adapters as PEFT wrote them, stacks, and experts, against PEFT's own logits.
  @Test(
    arguments: PEFTConformanceTests.items.filter { $0.id.hasSuffix(".short") }
  ) func mergedModelsHaveTheReferenceLogits(_ item: PEFTConformanceTests.Item) throws {
    let manifest = try ConformanceManifest.load(item.model)
    let reference = try manifest.conformanceCase(item.id)
    let run = try DecoderRun(manifest.modelPath)
    let adapters = try reference.adapters.map {
      (try LoRA.Adapter.read(path: manifest.peftPath($0.name)), $0.scale)
    }
    let merged = try DecoderRun(Self.merge(run.decoder, adapters, .keep))
    let rows = try merged.logits(manifest.tokens(of: reference))
    #expect(try PEFTConformanceTests.error(rows, manifest, reference) < ModelConformanceTests.tolerance)
  }

  @Test func experts() throws {
    for model in TinyModel.experts {
      let run = try DecoderRun(model, .reference)
      let adapter = try run.adapter(alpha: 8).adapter()
      let expected = try run.logits(Self.tokens, run.bind([(adapter, 0.7)]))
      let merged = try DecoderRun(Self.merge(run.decoder, [(adapter, 0.7)], .keep))
      #expect(difference(try merged.logits(Self.tokens), expected) < Tolerance.floats)
    }
  }

  /// What is not changed is the model's, byte by byte.
  @Test(arguments: TinyModel.quantized) func unchangedTensorsAreCopied(_ model: TinyModel) throws {
    let run = try DecoderRun(model, .reference)
    let adapter = try run.adapter(where: { $0.tensor.hasSuffix("attn_v.weight") }).adapter()
    let merged = try Self.merge(run.decoder, [(adapter, 1)], .keep)
    #expect(merged.tensors.map(\.name) == run.decoder.file.tensors.map(\.name))
    for tensor in merged.tensors {
      let own = try #require(run.decoder.file.tensor(tensor.name))
      let isSame =
        tensor.type == own.type
        && merged.withBytes(of: tensor) { Array($0) } == run.decoder.file.withBytes(of: own) { Array($0) }
      #expect(isSame == !tensor.name.hasSuffix("attn_v.weight"), "\(tensor.name)")
      if !isSame { #expect(tensor.type == .q8_0) }
    }
    // The changed matrices are rounded to 8 bits, relative to what the adapter does.
    let expected = try run.logits(Self.tokens, run.bind([(adapter, 1)]))
    let found = try DecoderRun(merged).logits(Self.tokens)
    #expect(difference(found, expected) < 0.1 * difference(expected, try run.logits(Self.tokens)))
  }

  @Test(arguments: [TensorType.f32, .f16, .bf16, .q8_0]) func types(_ type: TensorType) throws {
    let run = try DecoderRun(.experts[0], .reference)
    let adapter = try run.adapter().adapter()
    let merged = try Self.merge(run.decoder, [(adapter, 1)], .all(type))
    for tensor in merged.tensors {
      let isMatrix = tensor.dimensions.count > 1 && !tensor.name.contains("ffn_gate_inp")
      #expect(tensor.type == (isMatrix ? type : .f32), "\(tensor.name)")
    }
    let number: [TensorType: UInt32] = [.f32: 0, .f16: 1, .q8_0: 7, .bf16: 32]
    #expect(merged.metadata["general.file_type"] == number[type].map { .uint32($0) })
    #expect(throws: Never.self) { try DecoderRun(merged).logits(Self.tokens) }
  }

  @Test func scaleZeroIsTheModel() throws {
    let run = try DecoderRun(.tied, .reference)
    let adapter = try run.adapter().adapter()
    let entries = [AdapterBinding.Entry(adapter, scale: 0)]
    let merge = try ModelMerge(run.decoder, entries, types: .keep)
    #expect(merge.changedCount == 0 && !merge.unties)
    let merged = try GGUFFile(bytes: merge.serialized())
    for tensor in run.decoder.file.tensors {
      let copy = try #require(merged.tensor(tensor.name))
      #expect(
        merged.withBytes(of: copy) { Array($0) } == run.decoder.file.withBytes(of: tensor) { Array($0) })
    }
  }

  @Test func tiedOutputsGetAMatrixOfTheirOwn() throws {
    let run = try DecoderRun(.tied, .reference)
    for (kind, unties) in [
      (PEFTMergedTests.Kind.plain, false), (.embedding, true), (.output, true), (.norms, false),
    ] {
      let adapter = try PEFTMergedTests.draft(kind, run.decoder).adapter()
      let merge = try ModelMerge(run.decoder, [.init(adapter, scale: 1)], types: .keep)
      #expect(merge.unties == unties, "\(kind)")
      let file = try GGUFFile(bytes: merge.serialized())
      #expect((file.tensor("output.weight") != nil) == unties)
    }
  }

  @Test func refusesWhatIsNoMatterOfWeights() throws {
    let run = try DecoderRun(.llama, .reference)
    let activated = try ActivationTests.draft(run.decoder).adapter()
    #expect {
      try ModelMerge(run.decoder, [.init(activated, scale: 1)], types: .keep)
    } throws: { error in
      if case AdapterError.cannotMerge = error { true } else { false }
    }
    let mixture = try DecoderRun(.experts[0], .reference)
    var draft = PEFTDraft()
    draft["lora_bias"] = "true"
    let module = "model.layers.0.block_sparse_moe.experts.1.w1"
    draft.addPair(module, inputs: 64, outputs: 128)
    draft.put(module + ".lora_B.bias", [128])
    let biased = try draft.adapter()
    #expect {
      try ModelMerge(mixture.decoder, [.init(biased, scale: 1)], types: .keep)
    } throws: { error in
      if case AdapterError.cannotMerge = error { true } else { false }
    }
  }

  @Test func writesAFileOrNone() throws {
    let run = try DecoderRun(.llama, .reference)
    let merge = try ModelMerge(run.decoder, [.init(run.adapter().adapter(), scale: 1)], types: .keep)
    try withTemporaryDirectory { folder in
      let path = folder.appendingPathComponent("merged.gguf").path
      var written = 0
      var temporary = ""
      try merge.write(to: path, progress: { written += $0 }, temporary: { temporary = $0 })
      #expect(written == merge.byteCount)
      #expect(temporary.hasPrefix(path) && temporary != path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["merged.gguf"])
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == merge.serialized())
      #expect(throws: GGUFError.self) { try merge.write(to: folder.path + "/none/merged.gguf") }
    }
  }
}
