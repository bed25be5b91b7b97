import Mullama

/// Passes of one group of sequences, done step by step, and the time they take.
struct PassRun {
  private(set) var seconds = 0.0
  private let group: SequenceGroup
  private let passes: [SequenceGroup.Pass]
  private var next = 0

  init(_ group: SequenceGroup, _ passes: [SequenceGroup.Pass]) {
    self.group = group
    self.passes = passes
  }

  var stepCount: Int { passes.count * group.stepCount }
  var isDone: Bool { next == stepCount }

  mutating func advance() throws {
    let (pass, step) = next.quotientAndRemainder(dividingBy: group.stepCount)
    let start = ContinuousClock.now
    try group.run(passes[pass], step: step)
    seconds += (ContinuousClock.now - start).seconds
    next += 1
  }

  /// Does all steps of both, one of each in turn, the first `lead` steps ahead: what one reads has left the cache again before
  /// the other reads it.
  static func inTurns(_ first: inout PassRun, _ second: inout PassRun, lead: Int) throws {
    for _ in 0..<min(lead, first.stepCount) { try first.advance() }
    while !first.isDone || !second.isDone {
      if !second.isDone { try second.advance() }
      if !first.isDone { try first.advance() }
    }
  }
}
