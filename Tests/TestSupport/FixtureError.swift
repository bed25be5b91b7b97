/// A manifest does not have what a test asked it for.
package enum FixtureError: Error, Equatable, CustomStringConvertible {
  case missing(what: String, manifest: String)
  case modelMissing(path: String)

  package var description: String {
    switch self {
    case .missing(let what, let manifest):
      "the manifest of Fixtures/\(manifest) has no \(what)"
    case .modelMissing(let path):
      "\(path) is missing: run `make model`"
    }
  }
}
