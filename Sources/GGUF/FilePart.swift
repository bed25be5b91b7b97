/// One file, parsed and checked: every tensor lies inside it, aligned, and overlaps no other.
struct FilePart {
  let file: MappedFile
  let version: UInt32
  let alignment: Int
  let metadata: Metadata
  let tensors: [TensorInfo]

  /// - Complexity: O(size of header, metadata and tensor infos); tensor data are not touched.
  init(_ file: MappedFile, part: Int = 0) throws(GGUFError) {
    // The reader holds a raw pointer into the mapping.
    defer { withExtendedLifetime(file) {} }
    var reader = ByteReader(file)
    let header = try FileHeader(&reader)
    let metadata = try Metadata(&reader, count: header.metadataCount)
    let alignment = try Alignment.read(metadata)
    let entries = try TensorEntry.read(&reader, count: header.tensorCount)
    let dataStart = Alignment.roundUp(reader.position, to: alignment)
    self.file = file
    self.version = header.version
    self.metadata = metadata
    self.alignment = alignment
    tensors = try FilePart.place(
      entries, part: part, dataStart: dataStart, alignment: alignment, file: file)
  }

  /// Turns the file's claims into tensors, in file order.
  private static func place(
    _ entries: [TensorEntry], part: Int, dataStart: Int, alignment: Int, file: MappedFile
  ) throws(GGUFError) -> [TensorInfo] {
    var tensors: [TensorInfo] = []
    tensors.reserveCapacity(entries.count)
    // The worst of the tensors that end past the file, so that the error counts all the missing bytes.
    var missing: (end: UInt64, name: String)?
    for entry in entries {
      guard entry.offset % UInt64(alignment) == 0 else {
        throw .misalignedTensor(
          file: file.path, tensor: entry.name, expected: alignment, found: entry.offset)
      }
      let (start, overflow) = entry.offset.addingReportingOverflow(UInt64(dataStart))
      let tensor = try TensorInfo(
        name: entry.name, type: entry.type, dimensions: entry.dimensions, part: part,
        offset: Int(exactly: start) ?? 0, file: file.path)
      let (end, endOverflow) = start.addingReportingOverflow(UInt64(tensor.byteCount))
      let needed = overflow || endOverflow ? UInt64.max : end
      if needed > UInt64(file.count), needed > missing?.end ?? 0 { missing = (needed, entry.name) }
      tensors.append(tensor)
    }
    if let missing {
      throw .truncated(
        file: file.path, place: .tensorData(tensor: missing.name), expected: missing.end,
        found: UInt64(file.count))
    }
    try checkOverlaps(tensors, file: file)
    return tensors
  }

  private static func checkOverlaps(_ tensors: [TensorInfo], file: MappedFile) throws(GGUFError) {
    // Writers store tensors in order, so this is nearly always a walk over a sorted list.
    let sorted = tensors.sorted { $0.offset < $1.offset }
    for (first, second) in zip(sorted, sorted.dropFirst())
    where first.offset + first.byteCount > second.offset {
      throw .overlappingTensors(file: file.path, first: first.name, second: second.name)
    }
  }
}
