extension FilePart {
  /// The file at `path` and, if it is a part of a split model, all parts in order, whichever part was named.
  static func open(_ path: String) throws(GGUFError) -> [FilePart] {
    let named = try FilePart(MappedFile(path: path))
    guard let position = try SplitPosition(named.metadata) else { return [named] }
    guard let name = SplitName(path: path), name.number == position.number, name.count == position.count
    else {
      throw .splitName(file: path, number: position.number, count: position.count)
    }
    // Ends: the first part's own name has number 1, so its position must be 1.
    guard position.number == 1 else { return try open(part: 1, of: name) }
    var parts = [named]
    for number in 2...position.count {
      let part = try openPart(number, of: name)
      parts.append(part)
    }
    try checkTensorCount(parts)
    return parts
  }

  private static func open(part number: Int, of name: SplitName) throws(GGUFError) -> [FilePart] {
    let path = name.path(number: number)
    do {
      return try open(path)
    } catch .missingFile(path) {
      throw .missingPart(file: path, number: number, count: name.count)
    }
  }

  private static func openPart(_ number: Int, of name: SplitName) throws(GGUFError) -> FilePart {
    let path = name.path(number: number)
    let part: FilePart
    do {
      part = try FilePart(MappedFile(path: path), part: number - 1)
    } catch .missingFile(path) {
      throw .missingPart(file: path, number: number, count: name.count)
    }
    let found = (
      count: try part.metadata.requiredInt(SplitPosition.countKey),
      index: try part.metadata.requiredInt(SplitPosition.numberKey)
    )
    guard found.count == name.count else {
      throw .splitMismatch(
        file: path, key: SplitPosition.countKey, expected: name.count, found: found.count)
    }
    guard found.index == number - 1 else {
      throw .splitMismatch(
        file: path, key: SplitPosition.numberKey, expected: number - 1, found: found.index)
    }
    return part
  }

  private static func checkTensorCount(_ parts: [FilePart]) throws(GGUFError) {
    let expected = try parts[0].metadata.requiredInt(SplitPosition.tensorCountKey)
    let found = parts.reduce(0) { $0 + $1.tensors.count }
    guard found == expected else {
      throw .splitMismatch(
        file: parts[0].file.path, key: SplitPosition.tensorCountKey, expected: expected, found: found)
    }
  }
}
