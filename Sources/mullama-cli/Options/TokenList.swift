import ArgumentParser

/// Token ids with commas between them: `1,2,3`.
package struct TokenList: ExpressibleByArgument, Equatable {
  package let tokens: [Int32]

  package init?(argument: String) {
    var tokens: [Int32] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let token = Int32(part.drop { $0 == " " }), token >= 0 else { return nil }
      tokens.append(token)
    }
    self.tokens = tokens
  }
}
