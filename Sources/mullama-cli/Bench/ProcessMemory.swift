#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What memory this process takes, as Linux tells it; nil on other systems. Source: proc(5), `/proc/self/status`.
package struct ProcessMemory: Equatable, Sendable {
  /// The most that was ever resident (`VmHWM`), mapped files included, in bytes.
  package let peak: Int?
  /// What is resident now and belongs to no file (`RssAnon`), in bytes.
  package let anonymous: Int?

  /// Resident bytes of mapped files whose paths begin so (`/proc/self/smaps`); nil on other systems.
  package static func resident(of paths: [String]) -> Int? {
    (try? InputText.file("/proc/self/smaps")).map { resident(of: paths, smaps: $0) }
  }

  package static func resident(of paths: [String], smaps: String) -> Int {
    var sum = 0
    var isOne = false
    for line in smaps.split(separator: "\n") {
      let fields = line.split(maxSplits: 5, omittingEmptySubsequences: true, whereSeparator: \.isWhitespace)
      if fields.first?.hasSuffix(":") == false {
        // address, permissions, offset, device, inode, path
        isOne = fields.count == 6 && paths.contains(where: fields[5].drop { $0 == " " }.hasPrefix)
      } else if isOne, fields.count == 3, fields[0] == "Rss:" {
        sum += (Int(fields[1]) ?? 0) * 1024
      }
    }
    return sum
  }

  package static func current() -> ProcessMemory {
    ProcessMemory(status: (try? InputText.file("/proc/self/status")) ?? "")
  }

  /// The larger of each number.
  package func largest(_ other: ProcessMemory) -> ProcessMemory {
    func larger(_ a: Int?, _ b: Int?) -> Int? { a.map { max($0, b ?? $0) } ?? b }
    return ProcessMemory(peak: larger(peak, other.peak), anonymous: larger(anonymous, other.anonymous))
  }

  private init(peak: Int?, anonymous: Int?) {
    self.peak = peak
    self.anonymous = anonymous
  }

  package init(status: String) {
    func bytes(_ key: String) -> Int? {
      for line in status.split(separator: "\n") where line.hasPrefix(key + ":") {
        let fields = line.split(whereSeparator: \.isWhitespace)
        if fields.count == 3, fields[2] == "kB", let count = Int(fields[1]) { return count * 1024 }
      }
      return nil
    }
    peak = bytes("VmHWM")
    anonymous = bytes("RssAnon")
  }
}
