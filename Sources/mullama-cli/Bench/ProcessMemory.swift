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
