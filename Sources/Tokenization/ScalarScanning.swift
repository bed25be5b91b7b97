/// Reading Unicode scalars from UTF-8 that is known to be valid (it comes from a `String`).
///
/// Every position given here must be the first byte of a scalar, and every limit a scalar boundary.
extension Span where Element == UInt8 {
  /// The scalar that starts at `index`, and its length in bytes.
  @inline(__always)
  package func scalar(at index: Int) -> (value: UInt32, length: Int) {
    let first = UInt32(self[index])
    if first < 0x80 { return (first, 1) }
    if first < 0xE0 { return ((first & 0x1F) << 6 | continuation(index + 1), 2) }
    if first < 0xF0 {
      return ((first & 0x0F) << 12 | continuation(index + 1) << 6 | continuation(index + 2), 3)
    }
    let upper = (first & 0x07) << 18 | continuation(index + 1) << 12
    return (upper | continuation(index + 2) << 6 | continuation(index + 3), 4)
  }

  @inline(__always)
  private func continuation(_ index: Int) -> UInt32 {
    UInt32(self[index] & 0x3F)
  }

  /// The class of the scalar that starts at `index`, and its length in bytes.
  @inline(__always)
  func classified(at index: Int) -> (kind: CharacterClass, length: Int) {
    let byte = self[index]
    if byte < 0x80 { return (CharacterClass(ascii: byte), 1) }
    let (value, length) = scalar(at: index)
    return (CharacterClass(scalar: value), length)
  }

  /// The end of the longest run of scalars from `index` on that are in `set`.
  @inline(__always)
  func endOfRun(of set: CharacterClass, from index: Int, limit: Int) -> Int {
    var position = index
    while position < limit {
      let (kind, length) = classified(at: position)
      guard kind.meets(set) else { break }
      position += length
    }
    return position
  }

  /// The end of the longest run of scalars from `index` on that are not in `set`.
  @inline(__always)
  func endOfRun(outside set: CharacterClass, from index: Int, limit: Int) -> Int {
    var position = index
    while position < limit {
      let (kind, length) = classified(at: position)
      if kind.meets(set) { break }
      position += length
    }
    return position
  }

  /// The length in bytes of the scalar whose first byte is at `index`.
  @inline(__always)
  package func scalarLength(at index: Int) -> Int {
    let first = self[index]
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
  }
}
