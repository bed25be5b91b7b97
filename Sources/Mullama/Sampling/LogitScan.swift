/// Passes over all logits, eight at a time.
enum LogitScan {
  /// The first index from `start` on whose logit is above `bound` *or NaN*; `logits.count` if there is none.
  ///
  /// The test is "not at most": a NaN fails every comparison, so it is found without a pass of its own.
  static func firstIndex(above bound: Float, in logits: Span<Float>, from start: Int) -> Int {
    let bytes = logits.bytes
    let count = logits.count
    let stride = 4
    let bounds = SIMD8<Float>(repeating: bound)
    var index = start
    while index + 32 <= count {
      // Within the span: index + 32 ≤ count, and every bit pattern is a Float.
      let a = bytes.unsafeLoadUnaligned(fromByteOffset: index * stride, as: SIMD8<Float>.self)
      let b = bytes.unsafeLoadUnaligned(fromByteOffset: (index + 8) * stride, as: SIMD8<Float>.self)
      let c = bytes.unsafeLoadUnaligned(fromByteOffset: (index + 16) * stride, as: SIMD8<Float>.self)
      let d = bytes.unsafeLoadUnaligned(fromByteOffset: (index + 24) * stride, as: SIMD8<Float>.self)
      let atMost = (a .<= bounds) .& (b .<= bounds) .& (c .<= bounds) .& (d .<= bounds)
      guard all(atMost) else { break }
      index += 32
    }
    while index < count, logits[index] <= bound {
      index += 1
    }
    return index
  }

  /// The token with the largest logit, the lowest id on ties.
  ///
  /// - Throws: `notANumber`, `infinite` or `everyTokenForbidden`.
  static func largest(in logits: Span<Float>) throws(SamplingError) -> Candidate {
    var best = Candidate(token: 0, logit: -.infinity)
    var index = firstIndex(above: best.logit, in: logits, from: 0)
    while index < logits.count {
      best = try candidate(at: index, of: logits)
      index = firstIndex(above: best.logit, in: logits, from: index + 1)
    }
    guard best.logit > -.infinity else { throw .everyTokenForbidden }
    return best
  }

  /// The logit at `index` with its token, refused unless a probability can be made of it.
  @inline(__always)
  static func candidate(at index: Int, of logits: Span<Float>) throws(SamplingError) -> Candidate {
    let candidate = Candidate(token: Int32(truncatingIfNeeded: index), logit: logits[index])
    guard candidate.logit < .infinity else {
      throw candidate.logit.isNaN ? .notANumber(token: candidate.token) : .infinite(token: candidate.token)
    }
    return candidate
  }
}
