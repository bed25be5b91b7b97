/// The printable characters that byte-level BPE vocabularies write for bytes: "Ġthe" is " the".
///
/// The bytes of printable Latin-1 are written as themselves, the 68 others as U+0100 and on, in order.
/// Source: `bytes_to_unicode` in encoder.py of GPT-2.
package enum ByteLevelAlphabet {
  /// The byte of each scalar up to U+0143, or -1.
  private static let byteOfScalar: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    var next = 0x100
    for byte in 0..<256 {
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF:
        table[byte] = Int16(byte)
      default:
        table[next] = Int16(byte)
        next += 1
      }
    }
    return table
  }()

  /// Appends the bytes that `text[start..<end]` stands for. Text with any other character stands for itself.
  package static func decode(_ text: Span<UInt8>, from start: Int, to end: Int, into bytes: inout [UInt8]) {
    let count = bytes.count
    var position = start
    while position < end {
      let (value, length) = text.scalar(at: position)
      let byte: Int16 = value < 0x144 ? byteOfScalar[Int(value)] : -1
      guard byte >= 0 else {
        bytes.removeLast(bytes.count - count)
        for index in start..<end { bytes.append(text[index]) }
        return
      }
      bytes.append(UInt8(byte))
      position += length
    }
  }
}
