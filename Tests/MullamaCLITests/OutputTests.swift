import TestSupport
import Testing
import mullama

@Suite struct OutputTests {
  @Test func tablesLineUp() {
    var table = Table([("name", .left), ("count", .right), ("note", .left)])
    table.append("a", "1", "x")
    table.append("längste", "1000")
    #expect(table.text() == "name     count  note\na            1  x\nlängste   1000\n")
    #expect(table.text(indent: 2).hasPrefix("  name "))
  }

  @Test func cellsCannotControlTheTerminal() {
    var table = Table(alignments: [.left])
    table.append("a\u{1B}[2J\nb\u{202E}")
    #expect(table.text() == "a\\u{1B}[2J\\nb\\u{202E}\n")
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (98_362_432, "98.4 MB"), (999_950, "1.0 MB"),
    (Int.max, "9223372.0 TB"),
  ])
  func bytes(count: Int, text: String) { #expect(Wording.bytes(count) == text) }

  @Test(arguments: [
    (1.005, 2, "1.00"), (0.05, 1, "0.1"), (-0.5, 2, "-0.50"), (-0.001, 2, "0.00"), (1234.5, 0, "1235"),
    (.nan, 2, "nan"), (.infinity, 1, "inf"),
  ])
  func fixedDecimals(value: Double, digits: Int, text: String) {
    #expect(Wording.fixed(value, digits) == text)
  }

  @Test(arguments: [(3.617, "3.62 s"), (0.088, "88.0 ms"), (0.213, "213 ms"), (0.0000929, "92.9 µs")])
  func durations(value: Double, text: String) { #expect(Wording.seconds(value) == text) }

  @Test func jsonKeepsOrderAndEscapes() {
    let value: JSONValue = [
      "z": 1, "a": [true, .null, .number(0.5), .number(Double.nan), .unsigned(.max)],
      "text": "\"\\\n\t\u{1}\u{7F}é🙂", "scale": .number(Float(0.8)),
    ]
    let expected =
      #"{"z":1,"a":[true,null,0.5,null,18446744073709551615],"text":"\"\\\n\t\u0001\u007fé🙂","scale":0.8}"#
    #expect(value.text == expected)
  }

  @Test func npyHeaderIsWhatNumPyWrites() {
    let header = NPYWriter.header(rows: 12, columns: 320)
    #expect(Array(header.prefix(10)) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0])
    #expect(header.count % 64 == 0)
    #expect(
      String(decoding: header.dropFirst(10), as: UTF8.self)
        .hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 320), }"))
    #expect(header.last == 0x0A)
  }

  @Test func npyFilesAppearWhenComplete() throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("x.npy")
      var writer = try NPYWriter(file.path, rows: 2, columns: 3)
      try [1, 2, 3].withUnsafeBufferPointer { try writer.append($0) }
      #expect(throws: NPYError.self) { try NPYArray(contentsOf: file) }
      try [-1, .infinity, 0.5].withUnsafeBufferPointer { try writer.append($0) }
      try writer.finish()
      #expect(
        try NPYArray(contentsOf: file) == NPYArray(shape: [2, 3], values: [1, 2, 3, -1, .infinity, 0.5]))
    }
  }

  @Test func medians() {
    #expect(Samples([3, 1, 2]).median == 2)
    #expect(Samples([4, 1, 2, 3]).median == 2.5)
    #expect(Samples([4, 1, 2]).minimum == 1)
    #expect(Samples([4, 1, 2]).maximum == 4)
  }

  /// Of 1, 2, 3, 6 the mean is 3, the squared deviations add up to 14.
  @Test func meansHaveErrors() {
    #expect(Samples([1, 2, 3, 6]).mean == 3)
    #expect(Samples([1, 2, 3, 6]).standardError == (14.0 / 12).squareRoot())
    #expect(Samples([5]).standardError == nil)
  }

  @Test func memoryComesFromTheStatusFile() {
    let memory = ProcessMemory(status: "Name:\tx\nVmHWM:\t  1234 kB\nRssAnon:\t     10 kB\n")
    #expect(memory == ProcessMemory(status: "VmHWM: 1234 kB\nRssAnon: 10 kB"))
    #expect(memory.peak == 1234 * 1024)
    #expect(memory.anonymous == 10240)
    #expect(ProcessMemory(status: "VmHWM: x kB").peak == nil)
    let later = ProcessMemory(status: "VmHWM: 1235 kB\nRssAnon: 9 kB")
    #expect(memory.largest(later) == ProcessMemory(status: "VmHWM: 1235 kB\nRssAnon: 10 kB"))
    #expect(ProcessMemory(status: "").largest(later) == later)
    #expect(later.largest(ProcessMemory(status: "")) == later)
  }

  @Test func memoryOfFilesComesFromTheListOfMappings() {
    let mappings = """
      55d0-55d1 r--p 00000000 fe:00 254163                     /models/a b/adapter.gguf
      Size:                  8 kB
      Rss:                   4 kB
      VmFlags: rd mr mw me
      55d2-55d3 r--s 00000000 fe:00 254164                     /models/base.gguf
      Rss:                 100 kB
      55d4-55d5 rw-p 00000000 00:00 0
      Rss:                  50 kB
      55d6-55d7 r--s 00000000 fe:00 254165                     /models/a b/other.gguf
      Rss:                  16 kB
      """
    #expect(ProcessMemory.resident(of: ["/models/a b"], smaps: mappings) == 20 * 1024)
    #expect(ProcessMemory.resident(of: ["/models/base.gguf", "/x"], smaps: mappings) == 100 * 1024)
    #expect(ProcessMemory.resident(of: [], smaps: mappings) == 0)
  }

  @Test func perplexityOfUniformAndCertainPredictions() {
    var uniform = Perplexity()
    for token in 0..<8 {
      [Float](repeating: 3, count: 8).withUnsafeBufferPointer { uniform.add($0, next: token) }
    }
    #expect(abs(uniform.value - 8) < 1e-12)
    #expect(uniform.standardError < 1e-6)
    // Losses log 2 and 0, as the second token is certain: exp(log 2 / 2), and half of log 2 as the deviation.
    var mixed = Perplexity()
    [Float(1), 1].withUnsafeBufferPointer { mixed.add($0, next: 0) }
    [Float(1000), -1000].withUnsafeBufferPointer { mixed.add($0, next: 0) }
    #expect(abs(mixed.value - 2.0.squareRoot()) < 1e-12)
    #expect(abs(mixed.standardError - 0.346573590279973 * 2.0.squareRoot()) < 1e-12)
  }
}
