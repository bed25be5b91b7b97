import GGUF
import SafeTensors
import Transformer

/// The tokens that the tokenizer files beside a PEFT adapter list beyond the trained vocabulary: those of the base model's
/// own tokenizer too. Which of them the model lacks shows when the adapter is bound.
///
/// Read are `added_tokens_decoder` of `tokenizer_config.json`, `added_tokens` of `tokenizer.json` where the first has none,
/// and `added_tokens.json`. They have to agree. The chat template is that of `chat_template.jinja`, else that of
/// `tokenizer_config.json`. Source: transformers' `save_pretrained` of tokenizers.
struct PEFTTokens {
  private static let countLimit = 1 << 16
  private static let sizeLimit = 256 << 20

  private var found: [Int: AddedToken] = [:]
  private var ids: [String: Int] = [:]
  /// The token that fills up batches in training, if it does nothing else.
  private(set) var padding: Int?
  /// nil: the folder has none.
  private(set) var template: TrainedTemplate?

  /// Ascending by id.
  var list: [AddedToken] { found.values.sorted { $0.id < $1.id } }

  /// - Parameter folder: where any of the files may be missing.
  init(_ folder: String) throws {
    let configuration = folder + "/tokenizer_config.json"
    let members = try Self.bytes(configuration).map { try Self.members(Self.keys, $0, configuration) } ?? [:]
    if let decoder = members["added_tokens_decoder"] { try addDecoder(decoder, configuration) }
    let names = members["additional_special_tokens"]?.array ?? []
    let special = Set(names.compactMap(Self.text))
    var roles = Self.roles.reduce(into: [String: String]()) { $0[$1] = members[$1].flatMap(Self.text) }
    template = try Self.template(folder, members["chat_template"], roles, configuration)
    let whole = folder + "/tokenizer.json"
    if found.isEmpty, let bytes = try Self.bytes(whole),
      let list = try Self.members(["added_tokens"], bytes, whole)["added_tokens"]
    {
      try addList(list, whole)
    }
    let plain = folder + "/added_tokens.json"
    if let bytes = try Self.bytes(plain) { try addPlain(bytes, special, plain) }
    if let text = roles.removeValue(forKey: "pad_token"), !roles.values.contains(text) { padding = ids[text] }
  }

  /// A token's text, which stands alone or in an object.
  private static func text(_ token: JSON) -> String? { token.string ?? token["content"]?.string }

  private static func bytes(_ path: String) throws -> [UInt8]? {
    // A link that leads nowhere, as in a cache of downloads that was copied in part, is a file that is missing.
    guard Folder.isListed(path) else { return nil }
    let file = try MappedFile(path: path)
    guard file.count <= sizeLimit else {
      throw AdapterError.invalidSetting(
        file: path, key: "file size", expected: "at most \(sizeLimit) bytes", found: "\(file.count)")
    }
    let bytes = file.withBytes { Array($0) }
    // Large files of a repository that was cloned without them.
    if ForeignFormat(start: Array(bytes.prefix(64))) == .gitLFSPointer {
      throw AdapterError.invalidConfiguration(
        file: path, reason: "not the file itself, but a Git LFS pointer; fetch it with `git lfs pull`")
    }
    return bytes
  }

  private static let roles = ["pad_token", "eos_token", "bos_token", "unk_token"]
  private static let keys = Set(
    roles + ["added_tokens_decoder", "additional_special_tokens", "chat_template"])

  /// Those of the keys that are there and not null.
  private static func members(_ keys: Set<String>, _ bytes: [UInt8], _ path: String) throws -> [String: JSON]
  {
    do {
      return try JSON.members(keys, of: bytes).filter { $0.value != .null }
    } catch {
      throw AdapterError.invalidConfiguration(file: path, reason: "not valid JSON, at \(error)")
    }
  }

  /// Of several templates with names it is the one called `default`, which transformers uses for conversations without tools.
  private static func template(
    _ folder: String, _ member: JSON?, _ roles: [String: String], _ configuration: String
  ) throws -> TrainedTemplate? {
    let file = folder + "/chat_template.jinja"
    if let bytes = try bytes(file) {
      try TrainedTemplate.check(byteCount: bytes.count, key: "file size", file: file)
      guard let source = String(validating: bytes, as: UTF8.self) else {
        throw AdapterError.invalidConfiguration(file: file, reason: "not a UTF-8 text")
      }
      return TrainedTemplate(file: file, source: source, bos: roles["bos_token"], eos: roles["eos_token"])
    }
    let named = member?.array?.first { $0["name"]?.string == "default" }?["template"]
    guard let source = member?.string ?? named?.string else {
      // A list of named ones need not have a `default`; what is neither text nor list is nothing that can be left out.
      if let member, member.array == nil || named != nil {
        throw invalid(configuration, "chat_template", "a text or a list of templates with names", member)
      }
      return nil
    }
    try TrainedTemplate.check(byteCount: source.utf8.count, key: "chat_template", file: configuration)
    return TrainedTemplate(
      file: configuration, source: source, bos: roles["bos_token"], eos: roles["eos_token"])
  }

  private mutating func addDecoder(_ decoder: JSON, _ path: String) throws(AdapterError) {
    guard let members = decoder.members else {
      throw Self.invalid(path, "added_tokens_decoder", "an object", decoder)
    }
    for (key, value) in members {
      guard let id = Int(key), String(id) == key else {
        throw .invalidSetting(
          file: path, key: "added_tokens_decoder", expected: "token ids as keys", found: "'\(key.prefix(40))'"
        )
      }
      try add(id, value["content"], value["special"], "added_tokens_decoder[\(key)]", path)
    }
  }

  private mutating func addList(_ list: JSON, _ path: String) throws(AdapterError) {
    guard let values = list.array else { throw Self.invalid(path, "added_tokens", "an array", list) }
    for (index, value) in values.enumerated() {
      let key = "added_tokens[\(index)]"
      guard let id = value["id"]?.int else {
        throw Self.invalid(path, key + ".id", "a token id", value["id"])
      }
      try add(id, value["content"], value["special"], key, path)
    }
  }

  private mutating func addPlain(_ bytes: [UInt8], _ special: Set<String>, _ path: String)
    throws(AdapterError)
  {
    let root: JSON
    do { root = try JSON.parse(bytes) } catch {
      throw .invalidConfiguration(file: path, reason: "not valid JSON, at \(error)")
    }
    guard let members = root.members else {
      throw .invalidConfiguration(file: path, reason: "expected an object, found \(root.excerpt())")
    }
    for (text, value) in members {
      guard let id = value.int else { throw Self.invalid(path, "'\(text.prefix(40))'", "a token id", value) }
      let isSpecial = found[id]?.isSpecial ?? special.contains(text)
      try add(id, .string(text), .bool(isSpecial), "'\(text.prefix(40))'", path)
    }
  }

  private static func invalid(_ path: String, _ key: String, _ expected: String, _ found: JSON?)
    -> AdapterError
  {
    .invalidSetting(file: path, key: key, expected: expected, found: found?.excerpt() ?? "nothing")
  }

  private mutating func add(
    _ id: Int, _ content: JSON?, _ special: JSON?, _ key: String, _ path: String
  ) throws(AdapterError) {
    guard let text = content?.string else { throw Self.invalid(path, key + ".content", "a text", content) }
    let isSpecial = special?.bool
    guard special == nil || isSpecial != nil else {
      throw Self.invalid(path, key + ".special", "true or false", special)
    }
    try AddedToken.check(id: id, text: text, key: key, file: path)
    if let other = found[id], other.text != text {
      throw .contradiction(
        file: path, what: "token \(id) is '\(other.text.prefix(40))' and '\(text.prefix(40))'")
    }
    if let other = ids[text], other != id {
      throw .contradiction(file: path, what: "'\(text.prefix(40))' is token \(other) and \(id)")
    }
    guard found.count < Self.countLimit else {
      throw .invalidSetting(
        file: path, key: key, expected: "at most \(Self.countLimit) added tokens", found: "more")
    }
    found[id] = AddedToken(id: id, text: text, isSpecial: isSpecial ?? false)
    ids[text] = id
  }
}

extension AddedToken {
  /// Ids that any vocabulary may have.
  static let ids = 0..<1 << 24
  /// Bytes of a text.
  static let lengthLimit = 1024

  /// Throws where no tokenizer could have such a token.
  static func check(id: Int, text: String, key: String, file: String) throws(AdapterError) {
    guard ids.contains(id) else {
      throw .invalidSetting(
        file: file, key: key, expected: "a token id from 0 to \(ids.upperBound - 1)", found: "\(id)")
    }
    guard (1...lengthLimit).contains(text.utf8.count) else {
      throw .invalidSetting(
        file: file, key: key, expected: "a text of 1 to \(lengthLimit) bytes",
        found: "\(text.utf8.count) bytes")
    }
  }
}
