extension GGUFWriter {
  /// Everything before the tensor data, and where each tensor goes.
  struct Layout {
    /// Header, metadata, tensor infos, padding up to the first tensor.
    let head: [UInt8]
    let tensors: [TensorInfo]
    let alignment: Int
    /// The size of the file, with the padding after the last tensor that ggml's reader asks for.
    let byteCount: Int
  }

  /// - Parameter file: for errors.
  func layout(file: String) throws(GGUFError) -> Layout {
    guard version == 2 || version == 3 else { throw .unsupportedVersion(file: file, found: version) }
    let alignment = try Alignment.read(checkedMetadata(file: file))
    var head = ByteWriter()
    head.append(bytes: FileHeader.magic)
    head.append(version)
    head.append(UInt64(tensors.count))
    head.append(UInt64(metadata.count))
    for (key, value) in metadata {
      head.append(key)
      head.append(value.kind.rawValue)
      head.append(value)
    }
    var offset = 0
    var names: Set<String> = []
    // Offsets from the start of the tensor data, which is not known before the infos are written.
    var relative: [TensorInfo] = []
    for (index, tensor) in tensors.enumerated() {
      let length = tensor.name.utf8.count
      guard (1...TensorInfo.nameLimit).contains(length) else {
        throw .nameLength(
          file: file, place: .tensorInfo(index: index), limit: TensorInfo.nameLimit, found: UInt64(length))
      }
      guard names.insert(tensor.name).inserted else {
        throw .duplicateTensor(file: file, tensor: tensor.name)
      }
      let info = try TensorInfo(
        name: tensor.name, type: tensor.type, dimensions: tensor.dimensions, offset: offset, file: file)
      head.append(info)
      relative.append(info)
      let (end, overflow) = offset.addingReportingOverflow(info.byteCount)
      guard !overflow, end <= Int.max / 2 else {
        throw .tensorTooLarge(file: file, tensor: tensor.name, dimensions: tensor.dimensions)
      }
      offset = Alignment.roundUp(end, to: alignment)
    }
    head.pad(to: alignment)
    let dataStart = head.bytes.count
    return Layout(
      head: head.bytes, tensors: relative.map { $0.moved(by: dataStart) }, alignment: alignment,
      byteCount: dataStart + offset)
  }

  private func checkedMetadata(file: String) throws(GGUFError) -> Metadata {
    var checked = Metadata(file: file)
    for (index, (key, value)) in metadata.enumerated() {
      let length = key.utf8.count
      guard (1...Metadata.keyLimit).contains(length) else {
        throw .nameLength(
          file: file, place: .key(index: index), limit: Metadata.keyLimit, found: UInt64(length))
      }
      if case .array(let array) = value, array.depth > MetadataArray.depthLimit {
        throw .arrayTooDeep(file: file, key: key, limit: MetadataArray.depthLimit)
      }
      guard checked.add(key, value) else { throw .duplicateKey(file: file, key: key) }
    }
    return checked
  }
}

extension MetadataArray {
  /// 1 for an array of anything but arrays.
  fileprivate var depth: Int {
    guard case .array(let elements) = self else { return 1 }
    return 1 + (elements.map(\.depth).max() ?? 0)
  }
}
