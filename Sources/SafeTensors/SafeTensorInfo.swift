/// One tensor as the header describes it, checked against the file.
package struct SafeTensorInfo: Sendable, Equatable {
  package let name: String
  package let type: SafeTensorType
  /// Row-major: the last dimension is the fastest. Empty: a single value.
  package let shape: [Int]
  /// Which file of several holds it.
  package let part: Int
  /// Bytes from the beginning of the file.
  package let offset: Int
  package let byteCount: Int
}
