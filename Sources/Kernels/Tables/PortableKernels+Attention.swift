#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension PortableKernels {
  static func exponential(_ x: Float) -> Float { expf(x) }

  static func attentionScratchBytes(rows: Int, headSize: Int) -> Int { 4 * (headSize + 16) }

  /// Attention with the online softmax, one position at a time: `result` holds Σ e^(s − m) v for the largest score m
  /// so far. Source: Milakov & Gimelshein 2018.
  static func attend(_ call: AttentionCall, _ scratch: UnsafeMutableRawPointer) {
    let n = call.headSize
    let line = scratch.assumingMemoryBound(to: Float.self)
    for token in 0..<call.tokens {
      for head in 0..<call.heads {
        let query = call.queries + token * call.stride + head * n
        let partial = call.partials.map { $0 + (token * call.heads + head) * (n + 2) }
        let result = partial ?? call.output + token * call.stride + head * n
        let first = max(call.begin, Int(call.firsts[token]))
        var largest = -Float.infinity
        var total: Float = 0
        for i in 0..<n { result[i] = 0 }
        for position in first..<max(first, min(call.end, Int(call.limits[token]))) {
          load(call.keys, position * n, n, call.areHalves, line)
          var score = dot(query, line, n) * call.scale
          if call.softcap > 0 { score = call.softcap * tanhf(score / call.softcap) }
          // No weight; and −∞ − (−∞) is no number.
          if score == -.infinity { continue }
          let before = largest
          largest = max(largest, score)
          let correction = before == -.infinity ? 0 : exponential(before - largest)
          let weight = exponential(score - largest)
          total = total * correction + weight
          load(call.values, position * n, n, call.areHalves, line)
          for i in 0..<n { result[i] = result[i] * correction + weight * line[i] }
        }
        if let partial {
          partial[n] = largest
          partial[n + 1] = total
        } else if total > 0 {
          for i in 0..<n { result[i] /= total }
        }
      }
    }
  }

  /// Results of several ranges of positions as one: each counts e^(m − M) of itself, with M the largest of their m.
  static func mergeAttention(_ call: AttentionCall, _ partials: UnsafePointer<Float>, _ parts: Int) {
    let n = call.headSize, rows = call.tokens * call.heads
    for token in 0..<call.tokens {
      for head in 0..<call.heads {
        let result = call.output + token * call.stride + head * n
        func part(_ i: Int) -> UnsafePointer<Float> {
          partials + (i * rows + token * call.heads + head) * (n + 2)
        }
        var largest = -Float.infinity
        for i in 0..<parts { largest = max(largest, part(i)[n]) }
        for i in 0..<n { result[i] = 0 }
        if largest == -.infinity { continue }
        var total: Float = 0
        for i in 0..<parts {
          let factor = exponential(part(i)[n] - largest)
          total += part(i)[n + 1] * factor
          for j in 0..<n { result[j] += part(i)[j] * factor }
        }
        for i in 0..<n { result[i] /= total }
      }
    }
  }

  private static func load(
    _ base: UnsafeRawPointer, _ first: Int, _ count: Int, _ areHalves: Bool,
    _ target: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      target[i] =
        areHalves
        ? (base + 2 * (first + i)).half(at: 0)
        : base.loadUnaligned(fromByteOffset: 4 * (first + i), as: Float.self)
    }
  }
}
