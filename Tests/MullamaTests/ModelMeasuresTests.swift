import Mullama
import TestSupport
import Testing

/// What a model says about its own size.
@Suite struct ModelMeasuresTests {
  /// Every matrix and norm, one row of the embedding aside; of the experts only those that a token uses: 2 of 4.
  @Test(arguments: ["llama", "mixtral", "qwen3moe"]) func weightsOfAToken(_ name: String) throws {
    let path = Fixtures.path("\(name)/model.gguf")
    let tensors = try FileSummary.read(path).tensors
    let expected = tensors.reduce(0) { sum, tensor in
      if tensor.name == "token_embd.weight" { return sum }
      return sum + (tensor.name.contains("_exps.") ? tensor.byteCount / 2 : tensor.byteCount)
    }
    #expect(tensors.contains { $0.name.contains("_exps.") } == (name != "llama"))
    #expect(try Model.load(path).weightBytesPerToken == expected)
  }
}
