// What Python says of a text: letters, cases.

extension Unicode.Scalar {
  var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}

extension String {
  /// At least one cased character, and none that is lower or title case.
  var isPythonUpper: Bool {
    unicodeScalars.contains(where: \.isCased)
      && !unicodeScalars.contains { $0.properties.isLowercase || $0.isTitlecase }
  }

  var isPythonLower: Bool {
    unicodeScalars.contains(where: \.isCased)
      && !unicodeScalars.contains { $0.properties.isUppercase || $0.isTitlecase }
  }

  /// Upper case letters exactly after uncased characters, lower case ones exactly after cased ones.
  var isPythonTitle: Bool {
    var previousCased = false
    var found = false
    for scalar in unicodeScalars {
      if scalar.properties.isUppercase || scalar.isTitlecase {
        if previousCased { return false }
        found = true
      } else if scalar.properties.isLowercase {
        if !previousCased { return false }
        found = true
      }
      previousCased = scalar.isCased
    }
    return found
  }
}
