import GGUF

extension MappedFile {
  var copy: [UInt8] { withBytes { Array($0) } }
}

extension GGUFFile {
  func copy(of tensor: TensorInfo) -> [UInt8] { withBytes(of: tensor) { Array($0) } }
}
