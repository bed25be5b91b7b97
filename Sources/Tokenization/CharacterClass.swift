/// What the pre-tokenizers' regular expressions ask about a Unicode scalar; several classes make a set.
///
/// `\p{L}` is `.letter`, `\p{N}` `.number`, `\p{P}` `.punctuation`, `\p{S}` `.symbol`, `\p{M}` `.mark`, `\s` `.whitespace`
/// (the White_Space property). Separators that are not white space, controls and unassigned scalars are in no class.
package struct CharacterClass: OptionSet, Sendable {
  package let rawValue: UInt8

  @inline(__always)
  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// Lu and Lt.
  static let uppercase = CharacterClass(rawValue: 1)
  /// Ll.
  static let lowercase = CharacterClass(rawValue: 2)
  /// Lm and Lo: letters without case.
  static let otherLetter = CharacterClass(rawValue: 4)
  static let mark = CharacterClass(rawValue: 8)
  static let number = CharacterClass(rawValue: 16)
  static let punctuation = CharacterClass(rawValue: 32)
  static let symbol = CharacterClass(rawValue: 64)
  static let whitespace = CharacterClass(rawValue: 128)

  static let letter: CharacterClass = [.uppercase, .lowercase, .otherLetter]

  @inline(__always)
  func meets(_ other: CharacterClass) -> Bool {
    rawValue & other.rawValue != 0
  }

  /// The class of an ASCII byte. The compiler makes one table of this switch.
  @inline(__always)
  package init(ascii byte: UInt8) {
    switch byte {
    case 0x41...0x5A: self = .uppercase
    case 0x61...0x7A: self = .lowercase
    case 0x30...0x39: self = .number
    case 0x09...0x0D, 0x20: self = .whitespace
    case 0x24, 0x2B, 0x3C, 0x3D, 0x3E, 0x5E, 0x60, 0x7C, 0x7E: self = .symbol
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: self = .punctuation
    default: self = []
    }
  }

  /// The class by the standard library's Unicode tables; tens of nanoseconds.
  package init(properties scalar: Unicode.Scalar) {
    let properties = scalar.properties
    switch properties.generalCategory {
    case .uppercaseLetter, .titlecaseLetter: self = .uppercase
    case .lowercaseLetter: self = .lowercase
    case .modifierLetter, .otherLetter: self = .otherLetter
    case .nonspacingMark, .spacingMark, .enclosingMark: self = .mark
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      self = .punctuation
    case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: self = .symbol
    default: self = properties.isWhitespace ? .whitespace : []
    }
  }

  /// The basic multilingual plane, indexed by scalar; made at the first text that is not ASCII (about 3 ms).
  private static let basicPlane: [UInt8] = (UInt32(0)...0xFFFF).map { value in
    Unicode.Scalar(value).map { CharacterClass(properties: $0).rawValue } ?? 0
  }

  package init(scalar value: UInt32) {
    if value < 0x10000 {
      self.init(rawValue: CharacterClass.basicPlane[Int(value)])
    } else {
      self = Unicode.Scalar(value).map { CharacterClass(properties: $0) } ?? []
    }
  }
}
