/// Where a tensor lies and what it looks like; its bytes come from `GGUFFile.bytes(of:)`.
package struct TensorInfo: Sendable, Equatable {
  /// The longest name that is accepted, in bytes. ggml stops at 63; other writers do not.
  static let nameLimit = 1024

  package let name: String
  package let type: TensorType
  /// 1 to 4 sizes in ggml order, fastest first: a matrix that maps `in` to `out` values is `[in, out]`.
  package let dimensions: [Int]
  package let elementCount: Int
  package let byteCount: Int
  /// The file that holds the tensor; 0 unless the model is split.
  package let part: Int
  /// Bytes from the start of that file.
  package private(set) var offset: Int

  /// Checks the shape: 1 to 4 positive dimensions, whole blocks along the first, a size that fits `Int`.
  package init(
    name: String, type: TensorType, dimensions: [Int], part: Int = 0, offset: Int = 0, file: String = "memory"
  ) throws(GGUFError) {
    guard (1...4).contains(dimensions.count) else {
      throw .dimensionCount(file: file, tensor: name, found: dimensions.count)
    }
    var elements = 1
    for (index, dimension) in dimensions.enumerated() {
      guard dimension > 0 else {
        throw .invalidDimension(file: file, tensor: name, index: index, found: Int64(dimension))
      }
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw .tensorTooLarge(file: file, tensor: name, dimensions: dimensions) }
      elements = product
    }
    let block = type.block
    guard dimensions[0] % block.weights == 0 else {
      throw .partialBlock(
        file: file, tensor: name, type: type.name, expected: block.weights, found: dimensions[0])
    }
    let (bytes, overflow) = (elements / block.weights).multipliedReportingOverflow(by: block.bytes)
    guard !overflow else { throw .tensorTooLarge(file: file, tensor: name, dimensions: dimensions) }
    self.name = name
    self.type = type
    self.dimensions = dimensions
    elementCount = elements
    byteCount = bytes
    self.part = part
    self.offset = offset
  }

  /// - Parameter distance: small enough that the offset stays in range.
  func moved(by distance: Int) -> TensorInfo {
    var moved = self
    moved.offset += distance
    return moved
  }
}
