import Kernels

extension Decoder {
  /// Runs a batch: appends every token's keys and values to its sequence and leaves the logits of the wanted rows, in
  /// order, in `state.logits`. The one forward path of every architecture.
  ///
  /// - Throws: `tokenOutOfRange`; nothing has changed then.
  package func forward(_ batch: Batch, _ s: DecoderState) throws(ModelError) {
    try begin(batch, s)
    for index in weights.layers.indices {
      attention(index, batch, s)
      feedForward(index, batch, s)
    }
    finish(batch, s)
  }

  /// Checks a batch and embeds its tokens.
  func begin(_ batch: Batch, _ s: DecoderState) throws(ModelError) {
    precondition(batch.count <= s.maximumTokens && batch.wanted.count <= s.maximumLogits)
    for part in batch.parts {
      let count = vocabularySize(with: part.adapters)
      for token in batch.tokens[part.firstRow..<part.firstRow + part.count]
      where token < 0 || Int(token) >= count {
        throw .tokenOutOfRange(token: Int(token), vocabulary: count)
      }
    }
    for run in batch.wantedRows.adapterRuns {
      precondition(vocabularySize(with: run.adapters) <= s.logits.columns)
    }
    embed(batch, s)
    locate(batch, s)
  }

  /// Ends the sequences behind the batch, and makes the logits of the wanted rows.
  func finish(_ batch: Batch, _ s: DecoderState) {
    let h = hyperparameters
    for part in batch.parts { part.sequence.length = part.firstPosition + part.count }
    if batch.wanted.isEmpty { return }
    for (i, row) in batch.wanted.enumerated() { s.selected.copyRow(row, of: s.hidden, to: i) }
    s.apply(weights.outputNorm, s.selected, into: s.selectedNormed, batch.wantedRows, epsilon: h.rmsEpsilon)
    s.apply(weights.output, s.selectedNormed, into: s.logits, batch.wantedRows)
    s.extendLogits(from: h.vocabularySize, batch.wantedRows)
  }

  /// `hidden = embedding[token]`
  private func embed(_ batch: Batch, _ s: DecoderState) {
    for run in batch.rows.runs {
      let delta = run.deltas?.sites[weights.embeddingSite]
      for row in run.first..<run.first + run.count {
        s.workspace.embed(
          weights.embedding, token: Int(batch.tokens[row]), delta: delta, into: s.hidden, row: row)
      }
    }
  }

  /// Where each row stands: its rotation, its sequence, the positions it sees.
  private func locate(_ batch: Batch, _ s: DecoderState) {
    for part in batch.parts {
      let rotary = rotary(of: part.sequence)
      for row in part.firstRow..<part.firstRow + part.count {
        let limit = batch.positions[row] + 1
        rotary.fill(s.angles, row: row, position: limit - 1)
        let first = hyperparameters.window.map { max(0, limit - $0) } ?? 0
        s.workspace.setVisible(row: row, first: first, limit: limit)
      }
    }
    s.workspace.setSequences(
      batch.parts.count, heads: hyperparameters.headCount / hyperparameters.kvHeadCount,
      first: { batch.parts[$0].firstRow }, tokens: { batch.parts[$0].count },
      store: { batch.parts[$0].sequence.store })
  }

  /// `hidden += Wo · attention(rope(Wq·x), rope(Wk·x), Wv·x)` with `x = norm(hidden)`
  func attention(_ index: Int, _ batch: Batch, _ s: DecoderState) {
    let h = hyperparameters, layer = weights.layers[index]
    s.apply(layer.attentionNorm, s.hidden, into: s.normed, batch.rows, epsilon: h.rmsEpsilon)
    switch layer.projections {
    case .separate(let query, let key, let value):
      s.apply(query, into: s.query, key, into: s.key, value, into: s.value, s.normed, batch.rows)
    case .fused(let all):
      s.apply(all, s.normed, into: s.fusedProjections, batch.rows)
      s.workspace.split(s.fusedProjections, rows: batch.count, into: s.query, s.key, s.value)
    }
    for part in batch.parts {
      s.workspace.forEachRow(part.count) { i in
        let row = part.firstRow + i
        if let norm = layer.queryNorm {
          s.workspace.rmsNormHeads(
            s.query, row: row, heads: h.headCount, headSize: h.headSize, norm.weight(for: part.adapters),
            epsilon: h.rmsEpsilon)
        }
        if let norm = layer.keyNorm {
          s.workspace.rmsNormHeads(
            s.key, row: row, heads: h.kvHeadCount, headSize: h.headSize, norm.weight(for: part.adapters),
            epsilon: h.rmsEpsilon)
        }
        s.workspace.rotate(
          s.query, row: row, heads: h.headCount, headSize: h.headSize, angles: s.angles,
          interleaved: interleavedRotary)
        s.workspace.rotate(
          s.key, row: row, heads: h.kvHeadCount, headSize: h.headSize, angles: s.angles,
          interleaved: interleavedRotary)
        s.workspace.append(
          s.key, s.value, row: row, to: part.sequence.store, layer: index, position: part.firstPosition + i)
      }
    }
    s.workspace.attend(
      s.query, into: s.attended, layer: index, heads: h.headCount, kvHeads: h.kvHeadCount,
      headSize: h.headSize,
      scale: 1 / Float(h.headSize).squareRoot())
    s.apply(layer.attentionOutput, s.attended, into: s.normed, batch.rows)
    s.workspace.add(s.normed, to: s.hidden, rows: batch.count)
  }

  /// `hidden += Wdown · (silu(Wgate·x) × Wup·x)` with `x = norm(hidden)`, of each token's experts where there are some.
  func feedForward(_ index: Int, _ batch: Batch, _ s: DecoderState) {
    let layer = weights.layers[index], rows = batch.rows
    s.apply(layer.feedForwardNorm, s.hidden, into: s.normed, rows, epsilon: hyperparameters.rmsEpsilon)
    switch layer.feedForward {
    case .dense(let gate, let up, let down):
      s.apply(gate, into: s.gate, up, into: s.up, s.normed, rows)
      s.workspace.siluMultiply(s.gate, s.up, rows: rows.count)
      s.apply(down, s.gate, into: s.normed, rows)
      s.workspace.add(s.normed, to: s.hidden, rows: rows.count)
    case .fused(let gateAndUp, let down):
      s.apply(gateAndUp, s.normed, into: s.fusedInner, rows)
      s.workspace.split(s.fusedInner, rows: rows.count, into: s.gate, s.up)
      s.workspace.siluMultiply(s.gate, s.up, rows: rows.count)
      s.apply(down, s.gate, into: s.normed, rows)
      s.workspace.add(s.normed, to: s.hidden, rows: rows.count)
    case .experts(let layer): mixture(layer, rows, s)
    }
  }
}
