extension Workspace {
  /// The columns of each row of `source`, in order: those of `first`, of `second`, and of `third` if there is one.
  package func split(
    _ source: Matrix, rows: Int, into first: Matrix, _ second: Matrix, _ third: Matrix? = nil
  ) {
    precondition(
      rows <= source.rows && rows <= first.rows && rows <= second.rows && rows <= third?.rows ?? rows
        && source.columns == first.columns + second.columns + (third?.columns ?? 0))
    forEachRow(rows) { row in
      let line = source.row(row)
      first.row(row).update(from: line, count: first.columns)
      second.row(row).update(from: line + first.columns, count: second.columns)
      if let third {
        third.row(row).update(from: line + first.columns + second.columns, count: third.columns)
      }
    }
  }
}
