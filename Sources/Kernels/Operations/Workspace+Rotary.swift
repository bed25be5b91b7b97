extension Workspace {
  /// Rotates pairs of each head by the angles of the row's position.
  ///
  /// `angles` is `[rows][rotaryDimensions]`: cosines of the pairs, then their sines. Pairs are neighbours (2i, 2i + 1)
  /// where `interleaved`, else (i, i + rotaryDimensions / 2). Values past `rotaryDimensions` stay. Source: Su et al. 2021.
  package func rotate(
    _ matrix: Matrix, row: Int, heads: Int, headSize: Int, angles: Matrix, interleaved: Bool
  ) {
    let pairs = angles.columns / 2
    let cosines = angles.row(row), sines = angles.row(row) + pairs
    for head in 0..<heads {
      let x = matrix.row(row) + head * headSize
      if interleaved {
        for i in 0..<pairs {
          let a = x[2 * i], b = x[2 * i + 1]
          x[2 * i] = a * cosines[i] - b * sines[i]
          x[2 * i + 1] = a * sines[i] + b * cosines[i]
        }
      } else {
        for i in 0..<pairs {
          let a = x[i], b = x[i + pairs]
          x[i] = a * cosines[i] - b * sines[i]
          x[i + pairs] = a * sines[i] + b * cosines[i]
        }
      }
    }
  }

  /// RMS norm of each head of a row by itself (query and key norms).
  package func rmsNormHeads(
    _ matrix: Matrix, row: Int, heads: Int, headSize: Int, _ weight: Matrix, epsilon: Float
  ) {
    precondition(weight.columns == headSize)
    for head in 0..<heads {
      let x = matrix.row(row) + head * headSize
      compute.table.rmsNorm(x, weight.pointer, headSize, epsilon, x)
    }
  }
}
