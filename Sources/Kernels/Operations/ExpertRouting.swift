/// Which experts a batch's tokens go to, and the order in which their rows are gathered: all rows of one expert are
/// neighbours, so that its weights are read once for all of them.
///
/// A token's experts are those with the highest scores (of equal ones the first), weighted by the softmax of the chosen
/// scores: the softmax over all, renormalised over the chosen. Source: Shazeer et al. 2017; Jiang et al. 2024 (Mixtral).
///
/// Made once for batches of up to `tokens` tokens; routing a batch allocates nothing.
package final class ExpertRouting {
  /// The rows of one expert.
  package struct Group: Sendable {
    package let expert: Int
    /// Gathered rows, numbered over all passes.
    package let rows: Range<Int>
  }

  /// Groups whose rows fit into the buffers together.
  package struct Pass: Sendable {
    package let groups: Range<Int>
    package let rows: Range<Int>
  }

  package let expertCount: Int
  /// Experts of a token.
  package let used: Int
  /// Rows of a pass at most.
  package let capacity: Int
  /// Of the batch that was routed last.
  package private(set) var width = BatchWidth.many
  /// In rising order of experts.
  package private(set) var groups: [Group] = []
  package private(set) var passes: [Pass] = []
  private let tokens: Int
  private var starts: [Int]
  private let memory: AlignedMemory
  /// `[token][used]`, each token's in rising order.
  let experts: UnsafeMutablePointer<Int32>
  /// `[token][used]`: where each is gathered.
  let places: UnsafeMutablePointer<Int32>
  /// `[token][used]`
  let weights: UnsafeMutablePointer<Float>
  /// The token of each gathered row.
  let order: UnsafeMutablePointer<Int32>

  /// Passes of as many rows as the largest batch has, but not of so few that a small batch needs many.
  package init(tokens: Int, experts count: Int, used: Int) {
    precondition(tokens > 0 && used > 0 && used <= count)
    self.tokens = tokens
    expertCount = count
    self.used = used
    capacity = Self.capacity(tokens: tokens)
    starts = [Int](repeating: 0, count: count)
    let pairs = tokens * used
    memory = AlignedMemory(byteCount: 4 * pairs * 4)
    experts = memory.base.bindMemory(to: Int32.self, capacity: 2 * pairs)
    places = experts + pairs
    weights = (memory.base + 8 * pairs).bindMemory(to: Float.self, capacity: pairs)
    order = (memory.base + 12 * pairs).bindMemory(to: Int32.self, capacity: pairs)
    groups.reserveCapacity(min(count, pairs))
    passes.reserveCapacity(16)
  }

  package static func capacity(tokens: Int) -> Int { max(tokens, 64) }

  /// The token of a gathered row.
  package func token(ofRow row: Int) -> Int {
    precondition(row >= 0 && row < (groups.last?.rows.upperBound ?? 0))
    return Int(order[row])
  }

  /// The experts of a token and their weights, in rising order of experts.
  package func choices(of token: Int) -> [(expert: Int, weight: Float)] {
    precondition(token >= 0 && token < tokens)
    return (token * used..<(token + 1) * used).map { (Int(experts[$0]), weights[$0]) }
  }

  /// Chooses the experts of one token from its scores.
  func choose(_ scores: UnsafePointer<Float>, token: Int) {
    let chosen = experts + token * used
    let weight = weights + token * used
    var count = 0
    for expert in 0..<expertCount {
      if count == used, !(scores[expert] > scores[Int(chosen[used - 1])]) { continue }
      var place = count < used ? count : used - 1
      while place > 0, scores[expert] > scores[Int(chosen[place - 1])] {
        chosen[place] = chosen[place - 1]
        place -= 1
      }
      chosen[place] = Int32(truncatingIfNeeded: expert)
      count = min(count + 1, used)
    }
    let highest = scores[Int(chosen[0])]
    // Rising order: the sum over experts has one order, whatever the scores.
    for i in 1..<max(1, used) {
      let expert = chosen[i]
      var place = i
      while place > 0, chosen[place - 1] > expert {
        chosen[place] = chosen[place - 1]
        place -= 1
      }
      chosen[place] = expert
    }
    var sum: Float = 0
    for i in 0..<used {
      weight[i] = PortableKernels.exponential(scores[Int(chosen[i])] - highest)
      sum += weight[i]
    }
    for i in 0..<used { weight[i] /= sum }
  }

  /// Gives every choice of `count` tokens its row, expert by expert.
  func arrange(_ count: Int) {
    width = BatchWidth(tokens: count, rowsPerToken: used)
    groups.removeAll(keepingCapacity: true)
    passes.removeAll(keepingCapacity: true)
    for expert in 0..<expertCount { starts[expert] = 0 }
    for pair in 0..<count * used { starts[Int(experts[pair])] += 1 }
    var next = 0
    var firstGroup = 0, firstRow = 0
    for expert in 0..<expertCount where starts[expert] > 0 {
      let rows = starts[expert]
      if next + rows - firstRow > capacity {
        passes.append(Pass(groups: firstGroup..<groups.count, rows: firstRow..<next))
        firstGroup = groups.count
        firstRow = next
      }
      groups.append(Group(expert: expert, rows: next..<next + rows))
      starts[expert] = next
      next += rows
    }
    if firstGroup < groups.count {
      passes.append(Pass(groups: firstGroup..<groups.count, rows: firstRow..<next))
    }
    for token in 0..<count {
      for pair in token * used..<(token + 1) * used {
        let expert = Int(experts[pair])
        places[pair] = Int32(truncatingIfNeeded: starts[expert])
        order[starts[expert]] = Int32(truncatingIfNeeded: token)
        starts[expert] += 1
      }
    }
  }
}

extension Workspace {
  /// Routes the first `tokens` rows by their scores, `[token][expert]`.
  package func route(_ scores: Matrix, tokens: Int, _ routing: ExpertRouting) {
    precondition(scores.columns == routing.expertCount && tokens <= scores.rows)
    forEachRow(tokens) { token in routing.choose(scores.row(token), token: token) }
    routing.arrange(tokens)
  }

  /// Copies the rows of a pass from the batch's order into the experts'.
  package func gather(
    _ source: Matrix, _ routing: ExpertRouting, _ pass: ExpertRouting.Pass, into target: Matrix
  ) {
    precondition(source.columns == target.columns && pass.rows.count <= target.rows)
    let first = pass.rows.lowerBound
    forEachRow(pass.rows.count) { row in
      target.copyRow(Int(routing.order[first + row]), of: source, to: row)
    }
  }

  /// `target[token] += Σ weight × source[row]` over a token's rows in this pass.
  package func combine(
    _ source: Matrix, _ routing: ExpertRouting, _ pass: ExpertRouting.Pass, tokens: Int, to target: Matrix
  ) {
    precondition(source.columns == target.columns && tokens <= target.rows && pass.rows.count <= source.rows)
    let used = routing.used
    forEachRow(tokens) { token in
      for pair in token * used..<(token + 1) * used {
        let place = Int(routing.places[pair])
        guard pass.rows.contains(place) else { continue }
        compute.table.addScaled(
          source.row(place - pass.rows.lowerBound), routing.weights[pair], source.columns, target.row(token))
      }
    }
  }
}
