/// A safetensors file put together in memory, also a wrong one.
package struct SafeTensorsDraft {
  package struct Tensor {
    package var name: String
    package var type: String
    /// Row-major, fastest dimension last.
    package var shape: [Int]
    package var bytes: [UInt8]

    package init(_ name: String, _ shape: [Int], _ values: [Float]) {
      self.init(name, type: "F32", shape, values.flatMap { $0.bitPattern.littleEndianBytes })
    }

    package init(_ name: String, type: String, _ shape: [Int], _ bytes: [UInt8]) {
      self.name = name
      self.type = type
      self.shape = shape
      self.bytes = bytes
    }
  }

  package var tensors: [Tensor]

  package init(_ tensors: [Tensor] = []) { self.tensors = tensors }

  package mutating func put(_ name: String, _ shape: [Int], _ values: [Float]) {
    tensors.append(Tensor(name, shape, values))
  }

  package subscript(name: String) -> Tensor? { tensors.first { $0.name == name } }

  /// The JSON of one tensor whose data lie at `offset`.
  package static func entry(_ tensor: Tensor, at offset: Int) -> String {
    "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),"
      + "\"data_offsets\":[\(offset),\(offset + tensor.bytes.count)]}"
  }

  package func bytes() -> [UInt8] {
    var offset = 0
    var entries = ["\"__metadata__\":{\"format\":\"pt\"}"]
    for tensor in tensors {
      entries.append(Self.entry(tensor, at: offset))
      offset += tensor.bytes.count
    }
    return Self.bytes(header: "{" + entries.joined(separator: ",") + "}", data: tensors.flatMap(\.bytes))
  }

  /// A file with any header, padded with spaces as writers do, and any data.
  package static func bytes(header: String, data: [UInt8], length: UInt64? = nil) -> [UInt8] {
    var text = Array(header.utf8)
    while length == nil, text.count % 8 != 0 { text.append(0x20) }
    return (length ?? UInt64(text.count)).littleEndianBytes + text + data
  }
}

extension FixedWidthInteger {
  fileprivate var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
