/// The name of one part of a split model: `model-00002-of-00003.gguf`. Source: `llama_split_path` in llama.h.
struct SplitName: Equatable {
  /// The path up to the numbers, `models/model`.
  let prefix: String
  /// From 1.
  let number: Int
  let count: Int

  init?(path: String) {
    let suffix = ".gguf"
    guard path.hasSuffix(suffix) else { return nil }
    let fields = path.dropLast(suffix.count).split(separator: "-", omittingEmptySubsequences: false)
    guard fields.count >= 4, fields[fields.count - 2] == "of" else { return nil }
    guard let number = SplitName.number(fields[fields.count - 3]),
      let count = SplitName.number(fields[fields.count - 1])
    else { return nil }
    prefix = fields.dropLast(3).joined(separator: "-")
    self.number = number
    self.count = count
  }

  /// The path of another part of the same model.
  func path(number: Int) -> String {
    SplitName.path(prefix: prefix, number: number, count: count)
  }

  static func path(prefix: String, number: Int, count: Int) -> String {
    "\(prefix)-\(padded(number))-of-\(padded(count)).gguf"
  }

  private static func number(_ field: Substring) -> Int? {
    guard field.utf8.count == 5, field.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(field)
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
