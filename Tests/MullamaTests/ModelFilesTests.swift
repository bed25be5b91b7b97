import Mullama
import TestSupport
import Testing
import Tokenization

/// The tiny models as files of a user: text in, numbers out.
@Suite struct ModelFilesTests {
  @Test(arguments: ConformanceManifest.models) func encodesAsTheReference(_ name: String) throws {
    let manifest = try ConformanceManifest.load(name)
    let model = try Model.load(manifest.modelPath)
    #expect(model.architecture == manifest.architecture)
    #expect(manifest.tokenizerCases.count >= 16)
    for item in manifest.tokenizerCases {
      let found = model.tokenizer.encode(
        item.text, addSpecial: item.addSpecial, parseSpecial: item.parseSpecial)
      #expect(found.map { Int($0) } == item.ids, "\(item.text.debugDescription)")
    }
  }

  /// Unless asked for more, a context stays where a model with LongRoPE has its short factors.
  @Test func theDefaultLength() throws {
    for (name, length) in [("phi3_longrope", 4096), ("llama", 512)] {
      let model = try Model.load(ConformanceManifest.load(name).modelPath)
      #expect(try model.contextLength(ContextOptions()) == length)
      #expect(try model.contextLength(ContextOptions(length: 5000)) == 5000)
    }
    #expect(
      try Model.load(ConformanceManifest.load("phi3_longrope").modelPath).trainedContextLength == 131072)
  }
}
