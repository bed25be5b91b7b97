/// Why an adapter cannot be read, or cannot be applied to a model.
public enum AdapterError: Error, Equatable, Sendable {
  /// The file is a GGUF file, but not a LoRA adapter.
  case notAnAdapter(file: String, key: String, expected: String, found: String)
  case unexpectedTensor(file: String, tensor: String)
  case missingHalf(file: String, tensor: String, half: String)
  /// `a` and `b` are in ggml order, fastest dimension first.
  case rankMismatch(file: String, tensor: String, a: [Int], b: [Int])
  case unsupportedFactorType(file: String, tensor: String, type: String)
  case notFinite(file: String, what: String)
  case noTensors(file: String)
  /// A kind of adapter that this version cannot apply.
  case unsupportedKind(file: String, kind: String)

  // PEFT folders
  /// `hint`: what to do about it, if that is known.
  case incompleteFolder(folder: String, missing: String, hint: String?)
  /// A folder holds several adapters: their paths in it.
  case severalAdapters(folder: String, found: [String])
  case notAnAdapterFile(file: String, reason: String)
  case invalidConfiguration(file: String, reason: String)
  case invalidSetting(file: String, key: String, expected: String, found: String)
  /// A setting that changes what the adapter does, in a way that is not done here.
  case unsupportedSetting(file: String, key: String, value: String, reason: String)
  case invalidPattern(file: String, key: String, pattern: String, reason: String)
  /// Two things that the adapter says cannot both be true.
  case contradiction(file: String, what: String)

  case wrongArchitecture(adapter: String, expected: String, found: String)
  case unknownTarget(adapter: String, tensor: String)
  /// The base has the projections of a layer fused where the adapter has them apart, or the other way round; `instead`: the
  /// modules that it has.
  case otherProjections(adapter: String, tensor: String, instead: [String])
  case unsupportedTarget(adapter: String, tensor: String, reason: String)
  case shapeMismatch(adapter: String, tensor: String, expected: [Int], found: [Int])
  case notTransposed(adapter: String, tensor: String, expected: [Int], found: [Int])
  /// `limit` is the length of the model's longest row.
  case rankTooLarge(adapter: String, tensor: String, limit: Int, found: Int)
  case invalidScale(adapter: String, scale: Float)
  /// The adapter has rows for `found` tokens, the model for `expected`.
  case vocabularyMismatch(adapter: String, tensor: String, expected: Int, found: Int)

  /// An activated adapter waits for a token that neither the model nor the adapter has.
  case invocationToken(adapter: String, token: Int, tokens: Int)

  // Added tokens
  /// The model has another token of this id or this text.
  case tokenCollision(adapter: String, id: Int, text: String, existing: String)
  /// A token behind the model's `rows` has no row in an embedding or output matrix.
  /// `text` is nil where the tokenizer's files do not name it.
  case missingTokenRow(adapter: String, tensor: String, id: Int, text: String?, rows: Int)
  /// An id between added tokens has no text.
  case tokenHole(adapter: String, id: Int)
  /// Two adapters add different tokens.
  case tokenConflict(id: Int, first: String, second: String)

  // Several adapters together
  /// Two adapters bring their own version of one tensor.
  case conflict(tensor: String, first: String, second: String)
  /// Two adapters of a set wait for an invocation sequence.
  case severalActivated(first: String, second: String)

  // Chat templates
  /// The adapters' template is asked for, and none of them brings one.
  case noTemplate
  case invalidTemplate(file: String, reason: String)
  /// The adapters' template is asked for, and two of them bring different ones.
  case templateConflict(first: String, second: String)

  // Converting and merging
  /// The base model has to be given for this.
  case needsBase(adapter: String, reason: String)
  /// A value is too large for the type that was asked for.
  case doesNotFitType(adapter: String, tensor: String, type: String)
  case cannotMerge(adapter: String, reason: String)

  case unknownName(name: String, known: [String])
  case nameTaken(name: String)
  /// A stack names an adapter twice.
  case repeatedName(name: String)
  /// Somebody else changed the adapter first.
  case generationMismatch(name: String, expected: Int, found: Int)
  /// `needed`, `budget` and `pinned` are bytes. `pinned`: what cannot leave memory, because it is pinned, applied or in
  /// use by a running context.
  case budgetExceeded(name: String, needed: Int, budget: Int, pinned: Int)
  case invalidBudget(Int)
  /// An evicted adapter was to be read again, but its file has other content now; the hashes are `contentHash`es.
  case fileChanged(name: String, file: String, expected: String, found: String)
  /// An evicted adapter was to be read again.
  case fileGone(name: String, file: String)
}

extension AdapterError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notAnAdapter(let file, let key, let expected, let found):
      "\(file): not a LoRA adapter: expected \(key) to be '\(expected)', but got: \(found)"
    case .unexpectedTensor(let file, let tensor):
      "\(file): LoRA tensor '\(tensor)' has an unexpected suffix; adapters hold pairs named .lora_a and .lora_b"
    case .missingHalf(let file, let tensor, let half):
      "\(file): LoRA tensor pair for '\(tensor)' is missing one component: \(half)"
    case .rankMismatch(let file, let tensor, let a, let b):
      "\(file): the factors of '\(tensor)' do not fit together: lora_a is \(Self.shape(a)), lora_b is \(Self.shape(b))"
    case .unsupportedFactorType(let file, let tensor, let type):
      "\(file): '\(tensor)' has type \(type), which an adapter cannot have; convert it to F32, F16, BF16 or Q8_0"
    case .notFinite(let file, let what):
      "\(file): \(what) is not a finite number; the adapter is damaged or its training diverged"
    case .noTensors(let file):
      "\(file): the adapter has no LoRA tensors"
    case .unsupportedKind(let file, let kind):
      "\(file): adapters of kind \(kind) are not supported; only LoRA and what PEFT builds on it are; "
        + "what PEFT can merge (merge_and_unload) works as a merged model that is converted to GGUF"
    case .incompleteFolder(let folder, let missing, let hint):
      "\(folder): not a PEFT adapter: \(missing) is missing" + (hint.map { "; " + $0 } ?? "")
    case .severalAdapters(let folder, let found):
      "\(folder): there are several adapters in it: \(found.prefix(8).joined(separator: ", "))"
        + (found.count > 8 ? " and \(found.count - 8) more" : "")
        + "; name one, such as \(folder)/\(found.last ?? "")"
    case .notAnAdapterFile(let file, let reason):
      "\(file): not an adapter: \(reason)"
    case .invalidConfiguration(let file, let reason):
      "\(file): \(reason)"
    case .invalidSetting(let file, let key, let expected, let found):
      "\(file): \(key) is \(found), expected \(expected)"
    case .unsupportedSetting(let file, let key, let value, let reason):
      "\(file): the setting \(key) = \(value) is not supported: \(reason)"
    case .invalidPattern(let file, let key, let pattern, let reason):
      "\(file): the pattern '\(pattern)' of \(key) cannot be used: \(reason)"
    case .contradiction(let file, let what):
      "\(file): the adapter contradicts itself: \(what)"
    case .wrongArchitecture(let adapter, let expected, let found):
      "\(adapter): model arch and LoRA arch mismatch: the model is '\(expected)', the adapter is for '\(found)'"
    case .unknownTarget(let adapter, let tensor):
      "\(adapter): LoRA tensor '\(tensor)' does not exist in the base model; the adapter was made for another one"
    case .otherProjections(let adapter, let tensor, let instead):
      "\(adapter): LoRA tensor '\(tensor)' does not exist in the base model, which has "
        + (instead.count == 1
          ? "it fused with others in '\(instead[0])'"
          : "its parts as '\(instead.joined(separator: "', '"))'")
        + "; train the adapter on a base that has them so (target_modules)"
    case .unsupportedTarget(let adapter, let tensor, let reason):
      "\(adapter): an adapter of '\(tensor)' is not supported: \(reason)"
    case .shapeMismatch(let adapter, let tensor, let expected, let found):
      "\(adapter): \(tensor) is \(Self.shape(found)) but this model needs \(Self.shape(expected)): "
        + "the adapter was made for another base model"
    case .notTransposed(let adapter, let tensor, let expected, let found):
      "\(adapter): \(tensor) is not transposed: it is \(Self.shape(found)), expected \(Self.shape(expected)); "
        + "convert the adapter again with a current converter"
    case .rankTooLarge(let adapter, let tensor, let limit, let found):
      "\(adapter): the factors of '\(tensor)' have rank \(found), but no matrix of this model has more than \(limit) "
        + "inputs; the adapter is damaged, or should be merged into the model"
    case .invalidScale(let adapter, let scale):
      "\(adapter): the scale must be a finite number, not \(scale)"
    case .vocabularyMismatch(let adapter, let tensor, let expected, let found):
      found > expected
        ? "\(adapter): '\(tensor)' has \(found) tokens but the model has \(expected): the adapter was trained with "
          + "\(found - expected) added tokens, and nothing says what they are; put its tokenizer files beside it"
        : "\(adapter): '\(tensor)' has only \(found) of the model's \(expected) tokens: the adapter was made for "
          + "another base model"
    case .invocationToken(let adapter, let token, let tokens):
      "\(adapter): it is activated by token \(token), but there are \(tokens) tokens: the adapter was made for another base "
        + "model"
    case .tokenCollision(let adapter, let id, let text, let existing):
      "\(adapter): it adds the token '\(text)' as \(id), but the model has \(existing); the adapter was made for "
        + "another base model"
    case .missingTokenRow(let adapter, let tensor, let id, let text, let rows):
      "\(adapter): token \(id)\(text.map { " '\($0)'" } ?? "") is behind the model's \(rows), and the adapter has no row for it in '\(tensor)'; save "
        + "embedding and output with the adapter (modules_to_save; save_embedding_layers=True leaves out the one of them "
        + "that is no target)"
    case .tokenHole(let adapter, let id):
      "\(adapter): token \(id) has a row but no text, though there are tokens behind it; its tokenizer files are of "
        + "another training"
    case .tokenConflict(let id, let first, let second):
      "\(first) and \(second) add different tokens as \(id); apply one of them at a time"
    case .conflict(let tensor, let first, let second):
      "\(first) and \(second) each bring their own '\(tensor)'; apply one of them at a time"
    case .severalActivated(let first, let second):
      "\(first) and \(second) both wait for an invocation sequence; apply one activated adapter at a time"
    case .noTemplate:
      "no adapter that is applied brings a chat template; a PEFT folder has it in chat_template.jinja or "
        + "tokenizer_config.json"
    case .invalidTemplate(let file, let reason):
      "\(file): the adapter's chat template cannot be used: \(reason)"
    case .templateConflict(let first, let second):
      "\(first) and \(second) have different chat templates; apply one of the adapters at a time"
    case .needsBase(let adapter, let reason):
      "\(adapter): the base model is needed, because \(reason); name it with --base"
    case .doesNotFitType(let adapter, let tensor, let type):
      "\(adapter): '\(tensor)' has values too large for \(type); choose another type"
    case .cannotMerge(let adapter, let reason):
      "\(adapter): cannot be merged: \(reason)"
    case .unknownName(let name, let known):
      known.isEmpty
        ? "no adapter is named '\(name)'; none is loaded"
        : "no adapter is named '\(name)'; loaded are \(known.joined(separator: ", "))"
    case .nameTaken(let name):
      "an adapter named '\(name)' is already loaded; remove it first or choose another name"
    case .repeatedName(let name):
      "the adapter '\(name)' is named twice; give it once, with the sum of the scales"
    case .generationMismatch(let name, let expected, let found):
      "the adapter '\(name)' was changed meanwhile: expected generation \(expected), but it is \(found); "
        + "look at it again and decide anew"
    case .budgetExceeded(let name, let needed, let budget, let pinned):
      "no room for adapter '\(name)': it needs \(needed) bytes, and of the budget of \(budget) bytes \(pinned) are "
        + "taken by adapters that are pinned, applied or in use; raise the budget, or let go of some"
    case .invalidBudget(let bytes):
      "a budget is a number of bytes from 0 on, not \(bytes)"
    case .fileChanged(let name, let file, let expected, let found):
      "\(file): the file of adapter '\(name)' changed while it was out of memory: expected content \(expected), but "
        + "found \(found); replace or remove the adapter"
    case .fileGone(let name, let file):
      "\(file): the file of adapter '\(name)' is gone, and its content is out of memory; put it back, or replace or "
        + "remove the adapter"
    }
  }

  private static func shape(_ dimensions: [Int]) -> String {
    dimensions.map(String.init).joined(separator: " × ")
  }
}
