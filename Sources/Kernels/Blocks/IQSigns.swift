/// Eight signs in seven bits, as several IQ formats store them: bit `i` set makes weight `i` negative.
///
/// The eighth is not stored: it makes the number of negative weights even. ggml keeps the same as a table,
/// `ksigns_iq2xs` in ggml-common.h.
enum IQSigns {
  @inline(__always)
  static func complete(_ stored: UInt32) -> UInt8 {
    let seven = UInt8(truncatingIfNeeded: stored & 127)
    return seven | UInt8(truncatingIfNeeded: seven.nonzeroBitCount & 1) << 7
  }

  /// `value`, negative if bit `index` of `signs` is set.
  @inline(__always)
  static func apply(_ signs: UInt8, _ index: Int, _ value: Float) -> Float {
    signs >> UInt8(index) & 1 == 0 ? value : -value
  }
}
