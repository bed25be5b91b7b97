/// Rows of text in columns that line up, two spaces apart.
package struct Table {
  package enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]] = []
  private let hasHeader: Bool

  /// A table with a line of titles.
  package init(_ columns: [(title: String, alignment: Alignment)]) {
    alignments = columns.map(\.alignment)
    rows = [columns.map(\.title)]
    hasHeader = true
  }

  /// A table without titles.
  package init(alignments: [Alignment]) {
    self.alignments = alignments
    hasHeader = false
  }

  package var isEmpty: Bool { rows.count == (hasHeader ? 1 : 0) }

  /// Adds a row; missing cells are empty. Control characters are escaped: cells may come from a file.
  package mutating func append(_ cells: String...) { append(cells) }

  package mutating func append(_ cells: [String]) {
    precondition(cells.count <= alignments.count)
    rows.append(
      (0..<alignments.count).map { $0 < cells.count ? Wording.printable(cells[$0]) : "" })
  }

  /// The lines of the table, each with its line feed, indented by `indent` spaces.
  package func text(indent: Int = 0) -> String {
    let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var output = ""
    for row in rows {
      var line = String(repeating: " ", count: indent)
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += alignments[column] == .left ? cell + padding : padding + cell
        if column < row.count - 1 { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      output += line + "\n"
    }
    return output
  }
}
