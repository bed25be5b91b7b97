import Mullama

/// A finished generation and how to tell of it.
package struct Answer {
  package let completion: Completion
  package let adapters: [AppliedAdapter]
  package let loadSeconds: Double
  /// Whose chat template the prompt was in.
  package let template: TemplateOrigin

  /// The object that `--json` prints.
  package var json: JSONValue {
    [
      "text": .string(completion.text),
      "tokens": .array(completion.tokens.map { .integer(Int($0)) }),
      "prompt_tokens": .integer(completion.promptTokens),
      "finish_reason": .string(completion.finishReason.rawValue),
      "seed": .unsigned(completion.seed),
      "adapters": Self.json(adapters),
      "template": Self.json(template),
      "timings": [
        "load_seconds": .seconds(loadSeconds),
        "prefill_seconds": .seconds(completion.prefillSeconds),
        "prefill_tokens_per_second": .rate(completion.prefillTokensPerSecond),
        "decode_seconds": .seconds(completion.decodeSeconds),
        "decode_tokens_per_second": .rate(completion.decodeTokensPerSecond),
      ],
    ]
  }

  /// What the user should know beside the answer; nil: nothing.
  package var notice: String? {
    completion.inactiveAdapter.map {
      Wording.printable(
        "mullama: adapter '\($0)' was not active: its invocation tokens are not in the prompt")
    }
  }

  /// Tells of a context's chat template what a user should know.
  static func tell(_ notes: [TemplateNote]) {
    for note in notes {
      if note.isWarning {
        OutputStream.warn(note.description)
      } else {
        OutputStream.messages.writeLine("mullama: " + Wording.printable(note.description))
      }
    }
  }

  /// `"model"`, the file of an adapter's, or null.
  private static func json(_ template: TemplateOrigin) -> JSONValue {
    switch template {
    case .none: .null
    case .model: "model"
    case .adapter(_, let file): .string(file)
    }
  }

  static func json(_ adapters: [AppliedAdapter]) -> JSONValue {
    .array(adapters.map { ["name": .string($0.name), "scale": .number($0.scale)] })
  }

  /// The lines that `--stats` prints.
  package var statistics: String {
    var table = Table(alignments: [.left, .right, .left, .right, .left])
    table.append("load", Wording.fixed(loadSeconds, 2), "s")
    table.append(
      "prompt", "\(completion.promptTokens)", "tokens", Wording.fixed(completion.prefillTokensPerSecond, 1),
      "tokens/s" + (completion.reusedTokens > 0 ? ", \(completion.reusedTokens) kept from before" : ""))
    table.append(
      "generated", "\(completion.tokens.count)", "tokens", Wording.fixed(completion.decodeTokensPerSecond, 1),
      "tokens/s")
    return table.text() + "adapters   \(Self.list(adapters))\n"
  }

  /// `sql × 0.8, pirate × 0.5`
  package static func list(_ adapters: [AppliedAdapter]) -> String {
    adapters.isEmpty
      ? "none" : adapters.map { Wording.printable("\($0.name) × \($0.scale)") }.joined(separator: ", ")
  }
}
