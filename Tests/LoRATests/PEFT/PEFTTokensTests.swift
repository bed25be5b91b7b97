import LoRA
import Testing
import Transformer

/// The tokenizer files beside a PEFT adapter, right and wrong.
@Suite struct PEFTTokensTests {
  private func tokens(_ files: [String: String]) throws -> [AddedToken] {
    var draft = PEFTDraft()
    draft.addPair("model.layers.0.self_attn.q_proj", inputs: 64, outputs: 64)
    draft.files = files
    return try draft.adapter().addedTokens
  }

  private let expected = [
    AddedToken(id: 7, text: "<s>", isSpecial: true), AddedToken(id: 12, text: "tö\"k", isSpecial: false),
  ]

  @Test(arguments: [
    [
      "tokenizer_config.json":
        #"{"a": [{"added_tokens_decoder": 1}, "}"], "added_tokens_decoder": {"7": {"content": "<s>", "special": true}, "12": {"content": "tö\"k", "special": false}}, "z": 1}"#
    ],
    [
      "tokenizer.json":
        #"{"version": "1.0", "added_tokens": [{"id": 12, "content": "tö\"k"}, {"id": 7, "special": true, "content": "<s>"}], "model": {"vocab": {"added_tokens": 3"#
    ],
    [
      "added_tokens.json": #"{"<s>": 7, "tö\"k": 12}"#,
      "tokenizer_config.json": #"{"additional_special_tokens": [{"content": "<s>"}]}"#,
    ],
    [
      "added_tokens.json": #"{"<s>": 7, "tö\"k": 12}"#,
      "tokenizer_config.json": #"{"added_tokens_decoder": {"7": {"content": "<s>", "special": true}}}"#,
    ],
  ]) func everyFileIsRead(_ files: [String: String]) throws {
    #expect(try tokens(files) == expected)
  }

  @Test func withoutThemThereAreNone() throws {
    #expect(try tokens([:]) == [])
    #expect(try tokens(["tokenizer_config.json": "{}", "tokenizer.json": "{\"model\": {}}"]) == [])
  }

  /// What has another effect has another hash.
  @Test func theyArePartOfTheContent() throws {
    func hash(_ text: String) throws -> ContentHash {
      var draft = PEFTDraft()
      draft.addPair("model.layers.0.self_attn.q_proj", inputs: 64, outputs: 64)
      draft.files["added_tokens.json"] = text
      return try draft.adapter().contentHash
    }
    #expect(try hash("{\"<a>\": 5}") == hash("{\"<a>\":  5}"))
    #expect(try hash("{\"<a>\": 5}") != hash("{\"<b>\": 5}"))
    #expect(try hash("{\"<a>\": 5}") != hash("{\"<a>\": 6}"))
  }

  @Test(arguments: [
    "5": "", "-1": "<a>", "07": "<a>", "+7": "<a>", "99999999999999999999": "<a>", "16777216": "<a>",
    "6": String(repeating: "a", count: 1025),
  ]) func wrongTokensAreRefused(_ id: String, _ text: String) {
    let file = "{\"added_tokens_decoder\": {\"\(id)\": {\"content\": \"\(text)\", \"special\": true}}}"
    #expect {
      try tokens(["tokenizer_config.json": file])
    } throws: { error in
      if case AdapterError.invalidSetting(_, _, _, _) = error { true } else { false }
    }
  }

  @Test(arguments: [
    #"{"added_tokens_decoder": {"5": {"special": true}}}"#, #"{"added_tokens_decoder": {"5": "<a>"}}"#,
    #"{"added_tokens_decoder": {"5": {"content": "<a>", "special": 1}}}"#, #"{"added_tokens_decoder": [5]}"#,
  ]) func wrongShapesAreRefused(_ file: String) {
    #expect {
      try tokens(["tokenizer_config.json": file])
    } throws: { error in
      if case AdapterError.invalidSetting(_, _, _, _) = error { true } else { false }
    }
  }

  @Test func brokenFilesAreRefused() {
    for (name, text) in [
      ("added_tokens.json", "{\"<a>\": 5"), ("added_tokens.json", "[]"),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"5": {"content": "a}}"#),
      ("tokenizer.json", #"{"added_tokens": [{"id": 5,, "content": "<a>"}]}"#),
    ] {
      #expect {
        try tokens([name: text, "model.json": ""])
      } throws: { error in
        if case AdapterError.invalidConfiguration(_, _) = error { true } else { false }
      }
    }
  }

  @Test(arguments: [
    [
      "tokenizer_config.json":
        #"{"added_tokens_decoder": {"5": {"content": "<a>"}, "6": {"content": "<a>"}}}"#
    ],
    [
      "tokenizer_config.json": #"{"added_tokens_decoder": {"5": {"content": "<a>"}}}"#,
      "added_tokens.json": #"{"<b>": 5}"#,
    ],
    [
      "tokenizer.json": #"{"added_tokens": [{"id": 5, "content": "<a>"}, {"id": 5, "content": "<b>"}]}"#
    ],
  ]) func contradictionsAreRefused(_ files: [String: String]) {
    #expect {
      try tokens(files)
    } throws: { error in
      if case AdapterError.contradiction(_, _) = error { true } else { false }
    }
  }
}
