/// A `LowRankDelta` as regions read it: numbers and addresses only. Copying one counts no references, of which each lies
/// somewhere else in memory.
struct PlainDelta {
  let replacement: WeightTile?
  let rows: Unmanaged<RowReplacement>?
  let gain: UnsafeMutablePointer<Float>?
  let bias: UnsafeMutablePointer<Float>?
  /// In the list of its set.
  let pairs: Range<Int>
  /// Are there packed factors only, beside the matrix itself? Then a kernel may add them before it writes a result.
  let canFuse: Bool
}

/// The factors of a segment, packed or as they are.
struct PlainPair {
  let a: WeightTile
  let b: WeightTile
  /// `b`, if the pair is packed; then `a` is too.
  let panels: FactorPanels?
  /// Do each two blocks of a packed `a` share a scale?
  let sharesScales: Bool
  let scale: Float
  let gain: UnsafeMutablePointer<Float>?
  let rank: Int

  init(_ segment: LowRankDelta.Segment) {
    let packed = segment.packed, a = packed?.a ?? segment.a
    self.a = WeightTile(a)
    b = WeightTile(segment.b)
    panels = packed?.b
    sharesScales = packed?.sharesScales ?? false
    scale = segment.scale * (packed.map { $0.aFactor * $0.bFactor } ?? 1)
    gain = segment.gain?.pointer
    rank = segment.rank
  }
}

/// The deltas of a set side by side, in the order of sites, which is about that in which a pass reads them.
final class PlainDeltas: Sendable {
  /// Indexed by site.
  let sites: PlainList<PlainDelta?>
  let pairs: PlainList<PlainPair>

  /// Whoever makes it holds `deltas`.
  init(_ deltas: [LowRankDelta?]) {
    sites = PlainList(capacity: deltas.count)
    pairs = PlainList(capacity: deltas.reduce(0) { $0 + ($1?.segments.count ?? 0) })
    for delta in deltas { sites.append(delta.map(add)) }
  }

  private func add(_ delta: LowRankDelta) -> PlainDelta {
    let first = pairs.count
    for segment in delta.segments { pairs.append(PlainPair(segment)) }
    return PlainDelta(
      replacement: delta.replacement.map(WeightTile.init),
      rows: delta.rows.map(Unmanaged.passUnretained), gain: delta.gain?.pointer, bias: delta.bias?.pointer,
      pairs: first..<pairs.count,
      canFuse: delta.replacement == nil && delta.rows == nil
        && TileDelta.vectorFloats(parts: delta.segments.count) <= WorkerScratch.tileFloats
        && delta.segments.allSatisfy { $0.packed != nil })
  }
}
