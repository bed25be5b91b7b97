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

  /// An activated adapter in PEFT's own folder, as `mullama logits --lora` runs it, against PEFT's logits.
  @Test func activatedAdapters() throws {
    let manifest = try ConformanceManifest.load("kinds/llama")
    let cases = manifest.cases.filter { $0.adapters.map(\.name) == ["alora"] }
    #expect(cases.count == 14)
    for item in cases {
      let model = try Model.load(manifest.modelPath, options: ModelOptions(precision: .reference))
      let name = try model.applyAdapter(
        LoRAAdapter.load(manifest.peftPath("alora")), scale: item.adapters[0].scale)
      let tokens = try manifest.tokens(of: item).map { Int32($0) }
      let evaluator = try LogitsEvaluator(model, capacity: tokens.count)
      var rows: [[Float]] = []
      try evaluator.evaluate(tokens, from: 0) { rows.append(Array($1)) }
      #expect(evaluator.inactiveAdapter == (item.sequence == "absent" ? name : nil))
      let expected = try manifest.logits(of: item)
      for (index, position) in item.positions.enumerated() {
        let comparison = LogitsComparison(reference: expected.row(index), candidate: rows[position])
        #expect(comparison.maxAbs < 2e-4, "\(item.id), position \(position)")
      }
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
