/// A format whose blocks of 256 have one half-precision unit, of which the scales of their groups are multiples by
/// integers of at most eight bits.
protocol IntegerScales: CodeFormat {
  /// Where in a block the unit is.
  static var unitOffset: Int { get }
}

extension Q2_K: IntegerScales { static var unitOffset: Int { 80 } }
extension Q3_K: IntegerScales { static var unitOffset: Int { 108 } }
extension Q4_K: IntegerScales { static var unitOffset: Int { 0 } }
extension Q5_K: IntegerScales { static var unitOffset: Int { 0 } }
extension Q6_K: IntegerScales { static var unitOffset: Int { 208 } }
