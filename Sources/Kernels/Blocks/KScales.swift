/// The 6-bit scales and minima of the eight groups of a Q4_K or Q5_K block, in 12 bytes.
///
/// Groups 0…3 lie in the low six bits of bytes 0…3 (scales) and 4…7 (minima). Groups 4…7 have their lower
/// four bits in bytes 8…11 (scale low, minimum high) and their upper two in the top of bytes 0…3 and 4…7.
/// Layout: `block_q4_K` in ggml-common.h.
enum KScales {
  @inline(__always)
  static func factors(_ block: UnsafeRawPointer, at offset: Int, group: Int) -> (scale: UInt8, minimum: UInt8)
  {
    let scales = block.byte(at: offset + group % 4)
    let minima = block.byte(at: offset + 4 + group % 4)
    guard group >= 4 else { return (scales & 63, minima & 63) }
    let lower = block.byte(at: offset + 4 + group)
    return (lower & 15 | (scales >> 6) << 4, lower >> 4 | (minima >> 6) << 4)
  }
}
