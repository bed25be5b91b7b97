import GGUF
import LoRA
import TestSupport
import Testing
import Transformer

/// Tensors of our own in GGUF adapters, where they are wrong.
@Suite struct OwnTensorsTests {
  private static let target = "blk.0.attn_q.weight"

  private func draft(_ run: DecoderRun) -> GGUFDraft {
    run.adapter(where: { $0.tensor == Self.target })
  }

  private func put(_ draft: inout GGUFDraft, _ name: String, _ dimensions: [Int]) {
    draft.put(GGUFDraft.Tensor(name, dimensions, .init(repeating: 1, count: dimensions.reduce(1, *))))
  }

  @Test(arguments: [".lora_magnitude", ".lora_bias"]) func vectors(_ suffix: String) throws {
    let run = try DecoderRun(.llama, .reference)
    var alone = draft(run)
    put(&alone, "blk.1.attn_q.weight" + suffix, [64])
    #expect(
      throws: AdapterError.missingHalf(
        file: "memory", tensor: "blk.1.attn_q.weight", half: "blk.1.attn_q.weight.lora_a")
    ) { try alone.adapter() }
    var short = draft(run)
    put(&short, Self.target + suffix, [63])
    #expect(
      AdapterBinding.problems(try short.adapter(), run.decoder) == [
        .shapeMismatch(adapter: "memory", tensor: Self.target + suffix, expected: [64], found: [63])
      ])
    var flat = draft(run)
    put(&flat, Self.target + suffix, [64, 2])
    #expect(
      throws: AdapterError.unsupportedTarget(
        adapter: "memory", tensor: Self.target + suffix, reason: "it has 2 dimensions")
    ) { try flat.adapter() }
  }

  @Test func rowsNeedTheirNumbers() throws {
    let run = try DecoderRun(.llama, .reference)
    let key = "mullama.adapter.rows.token_embd.weight"
    for rows: [UInt32]? in [nil, [], [1], [2, 1], [1, 1], [1, 2, 3]] {
      var wrong = draft(run)
      put(&wrong, "token_embd.weight.row_replacement", [64, 2])
      wrong[key] = rows.map { .array(.uint32($0)) }
      #expect {
        try wrong.adapter()
      } throws: { error in
        if case AdapterError.invalidSetting(_, key, _, _) = error { true } else { false }
      }
    }
    for last in [Int64(1 << 24), .max] {
      var wrong = draft(run)
      put(&wrong, "token_embd.weight.row_replacement", [64, 2])
      wrong[key] = .array(.int64([3, last]))
      #expect {
        try wrong.adapter()
      } throws: { error in
        if case AdapterError.invalidSetting(_, key, _, _) = error { true } else { false }
      }
    }
    var beyond = draft(run)
    put(&beyond, "token_embd.weight.row_replacement", [64, 2])
    beyond[key] = .array(.uint32([3, 320]))
    guard case .vocabularyMismatch? = AdapterBinding.problems(try beyond.adapter(), run.decoder).first else {
      Issue.record("a token that the model lacks")
      return
    }
  }
}
