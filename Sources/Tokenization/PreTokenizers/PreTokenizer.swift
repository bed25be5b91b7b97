/// How a byte-level BPE vocabulary cuts text into words before merging: the families of `tokenizer.ggml.pre`.
///
/// A new family is one case here, its line in each `switch`, and its scanner in a file beside this one.
package enum PreTokenizer: String, CaseIterable, Sendable {
  case `default`, gpt2, digitByDigit, llama3, cl100k, minicpm5, qwen2, qwen35, seedCoder
  case deepSeekLLM, deepSeekCoder, deepSeekV3, falcon, tekken, o200k, bloom, viking

  /// The family that a file names.
  package init(named name: String) throws(TokenizerError) {
    guard let family = PreTokenizer.familyByName[name] else {
      throw .unknownPreTokenizer(name: name, known: PreTokenizer.familyByName.keys.sorted())
    }
    self = family
  }

  /// The values of `tokenizer.ggml.pre`, as llama.cpp's converter writes them.
  package var names: [String] {
    switch self {
    case .default: ["default"]
    case .gpt2:
      [
        "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code",
        "roberta-bpe", "modern-bert", "gigachat", "a.x-4.0", "mellum", "exaone4", "mpt", "olmo", "jais",
        "trillion", "granite-docling",
      ]
    case .digitByDigit:
      ["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"]
    case .llama3:
      [
        "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano",
      ]
    case .cl100k: ["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"]
    case .minicpm5: ["minicpm5"]
    case .qwen2:
      [
        "qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2", "stablelm2", "hunyuan", "solar-open",
        "grok-2",
        "bailingmoe", "bailingmoe2", "llada-moe",
      ]
    case .qwen35: ["qwen35"]
    case .seedCoder: ["seed-coder"]
    case .deepSeekLLM: ["deepseek-llm"]
    case .deepSeekCoder: ["deepseek-coder"]
    case .deepSeekV3: ["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"]
    case .falcon: ["falcon"]
    case .tekken: ["tekken"]
    case .o200k: ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"]
    case .bloom: ["bloom", "poro-chat", "gpt3-finnish"]
    case .viking: ["viking"]
    }
  }

  /// The steps, each applied to the pieces of the one before.
  package var rules: [SplitRule] {
    switch self {
    // llama.cpp's own, for files without a name.
    case .default:
      [.punctuationRuns(withGraveAccent: false), .gpt2Words, .numbers(upTo: .max), .threeDigits]
    case .gpt2: [.gpt2Words]
    // Digits(individual_digits: true), ByteLevel(use_regex: true)
    case .digitByDigit: [.numbers(upTo: 1), .gpt2Words]
    case .llama3, .cl100k: [CL100KWords().rule]
    case .minicpm5: [.numbers(upTo: 3), CL100KWords(maximumDigits: .max).rule]
    // \p{N} for \p{N}{1,3}; bailingmoe's possessive quantifiers and its \s*[\r\n] match the same.
    case .qwen2: [CL100KWords(maximumDigits: 1).rule]
    // [\p{L}\p{M}]+ for \p{L}+, [^\s\p{L}\p{M}\p{N}]+ for [^\s\p{L}\p{N}]+
    case .qwen35:
      [
        CL100KWords(
          letters: [.letter, .mark], maximumDigits: 1, runEnds: [.whitespace, .letter, .mark, .number]
        ).rule
      ]
    // No [\r\n]* behind other characters.
    case .seedCoder: [CL100KWords(maximumDigits: 1, runTakesNewlines: false).rule]
    case .deepSeekLLM:
      [
        .newline, .deepSeekLetterRuns, .deepSeekPunctuationRuns, .trailingWhitespace, .deepSeekIdeographRuns,
        .numbers(upTo: .max),
      ]
    case .deepSeekCoder:
      [
        .newline, .deepSeekCoderLetterRuns, .deepSeekCoderPunctuationRuns, .deepSeekIdeographRuns,
        .numbers(upTo: 1),
      ]
    case .deepSeekV3: [.numbers(upTo: 3), .hanAndKanaRuns, .deepSeekV3Words]
    case .falcon: [.punctuationRuns(withGraveAccent: true), .gpt2Words, .threeDigits]
    case .tekken: [CasedWords(contractions: false, maximumDigits: 1).rule]
    case .o200k: [CasedWords(contractions: true, maximumDigits: 3).rule]
    case .bloom: [.bloomWords]
    case .viking: [.bloomWords, .numbers(upTo: 1)]
    }
  }

  /// Whether a word that is a token is taken whole, without looking at merges (`ignore_merges` of Hugging Face's BPE).
  var takesWholeWords: Bool {
    switch self {
    case .llama3, .minicpm5, .tekken: true
    default: false
    }
  }

  /// Whether a text begins with BOS when the file does not say.
  var addsBOS: Bool {
    switch self {
    case .llama3, .tekken: true
    default: false
    }
  }

  private static let familyByName: [String: PreTokenizer] = {
    var families: [String: PreTokenizer] = [:]
    for family in allCases {
      for name in family.names { families[name] = family }
    }
    return families
  }()

  /// The ends of the pieces of `text[start..<limit]`, in order; the last is `limit`. Linear in the length of the text.
  package static func pieceEnds(
    _ text: Span<UInt8>, from start: Int, to limit: Int, rules: [SplitRule]
  ) -> [Int] {
    guard limit > start else { return [] }
    var ends = [limit]
    for rule in rules {
      var finer: [Int] = []
      finer.reserveCapacity(ends.count)
      var from = start
      for end in ends {
        rule.split(text, from: from, to: end, into: &finer)
        from = end
      }
      ends = finer
    }
    return ends
  }
}
