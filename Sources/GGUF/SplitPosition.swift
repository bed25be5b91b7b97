/// A file's place in a split model, from its metadata. Source: `LLM_KV_SPLIT_*` in llama.cpp's llama-arch.h.
struct SplitPosition: Equatable {
  static let numberKey = "split.no"
  static let countKey = "split.count"
  static let tensorCountKey = "split.tensors.count"

  /// From 1; the file counts from 0.
  let number: Int
  /// 2 or more.
  let count: Int

  /// Nil for a model in one file.
  init?(_ metadata: Metadata) throws(GGUFError) {
    guard let count = try metadata.int(SplitPosition.countKey), count != 0, count != 1 else { return nil }
    let index = try metadata.requiredInt(SplitPosition.numberKey)
    guard (2...99_999).contains(count) else {
      throw .valueOutOfRange(
        file: metadata.file, key: SplitPosition.countKey, expected: "0 to 99999", found: "\(count)")
    }
    guard (0..<count).contains(index) else {
      throw .valueOutOfRange(
        file: metadata.file, key: SplitPosition.numberKey, expected: "0 to \(count - 1)", found: "\(index)")
    }
    number = index + 1
    self.count = count
  }
}
