#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What this machine offers: instruction sets and cores.
package enum Processor {
  /// Does the processor have all of x86-64-v3: AVX2, FMA, F16C, and what the compiler may use beside them?
  ///
  /// Source: the x86-64 psABI's microarchitecture levels; `abm` is Linux's name for LZCNT.
  package static let hasX86V3: Bool = {
    #if arch(x86_64)
      let wanted: Set<Substring> = ["avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"]
      return wanted.isSubset(of: flags)
    #else
      return false
    #endif
  }()

  /// Has it also all of x86-64-v4 (AVX-512 F, BW, CD, DQ and VL), and VNNI's byte products?
  package static let hasX86V4: Bool = {
    #if arch(x86_64)
      let wanted: Set<Substring> = [
        "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni",
      ]
      return hasX86V3 && wanted.isSubset(of: flags)
    #else
      return false
    #endif
  }()

  /// Bytes of memory the machine has, or `Int.max` where it does not say.
  package static let memoryByteCount: Int = {
    let pages = Int(sysconf(Int32(_SC_PHYS_PAGES))), pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: pageBytes)
    return pages > 0 && pageBytes > 0 && !overflow ? bytes : .max
  }()

  /// Cores this process may use: the scheduler's affinity, cut to the control group's quota, at least 1.
  package static let availableCores: Int = {
    var count = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    #if os(Linux)
      if let allowed = allowedCores() { count = min(count, allowed) }
      if let quota = controlGroupQuota() { count = min(count, quota) }
    #endif
    return max(1, count)
  }()

  /// The scheduler's affinity mask of this process. Source: `Cpus_allowed` of proc(5), hexadecimal with commas.
  private static func allowedCores() -> Int? {
    guard let status = readFile("/proc/self/status") else { return nil }
    for line in status.split(separator: "\n") where line.hasPrefix("Cpus_allowed:") {
      let bits = line.drop { $0 != ":" }.compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
      return bits > 0 ? bits : nil
    }
    return nil
  }

  /// The quota of the process's control group in whole cores, rounded up; nil if there is none.
  ///
  /// Source: `cpu.max` of cgroup v2 (kernel.org, cgroup-v2.rst) and `cpu.cfs_quota_us` of v1.
  private static func controlGroupQuota() -> Int? {
    if let text = readFile("/sys/fs/cgroup/cpu.max") {
      let fields = text.split(whereSeparator: \.isWhitespace)
      guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), period > 0
      else {
        return nil
      }
      return max(1, Int((quota / period).rounded(.up)))
    }
    guard let quota = readFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap({ Double($0.trimmed) }),
      let period = readFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap({ Double($0.trimmed) }),
      quota > 0, period > 0
    else { return nil }
    return max(1, Int((quota / period).rounded(.up)))
  }

  private static let flags: Set<Substring> = {
    guard let text = readFile("/proc/cpuinfo") else { return [] }
    for line in text.split(separator: "\n") where line.hasPrefix("flags") {
      return Set(line.split(separator: " "))
    }
    return []
  }()

  private static func readFile(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}

extension String {
  fileprivate var trimmed: String {
    String(self.drop(while: \.isWhitespace).prefix(while: { !$0.isWhitespace }))
  }
}
