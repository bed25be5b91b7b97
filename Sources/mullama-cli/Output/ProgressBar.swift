/// A bar on standard error that shows how far a long computation is; nothing where that is no terminal.
struct ProgressBar {
  private let total: Int
  private let isShown = OutputStream.messages.isTerminal
  private var shown = ""

  init(total: Int) { self.total = max(1, total) }

  /// Shows that `done` of the total are done, with a note behind the bar. Draws only what has changed.
  mutating func update(_ done: Int, note: String = "") {
    guard isShown else { return }
    let line = Self.line(done: done, total: total, note: note, width: OutputStream.messages.width)
    if line == shown { return }
    shown = line
    OutputStream.messages.write("\r\u{1B}[2K" + line)
  }

  /// Takes the bar away again.
  mutating func clear() {
    if isShown, !shown.isEmpty { OutputStream.messages.write("\r\u{1B}[2K") }
    shown = ""
  }

  static func line(done: Int, total: Int, note: String, width: Int) -> String {
    let cells = 24
    let share = min(1, max(0, Double(done) / Double(total)))
    let filled = Int(share * Double(cells))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: cells - filled)
    return String("\(bar) \(done)/\(total) \(note)".prefix(max(1, width - 1)))
  }
}
