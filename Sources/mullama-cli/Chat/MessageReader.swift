#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads what a user types, message by message.
///
/// Lines that arrive together, as a paste does, are one message, and so are the lines between two `"""`; a command
/// (`/help`) is always one line. The terminal keeps its own line editing, so there is nothing to restore.
package struct MessageReader {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var isAtEnd = false

  /// Milliseconds within which a paste's next line arrives; a person's does not.
  private static let pasteGap: Int32 = 30
  private static let longestMessage = 1 << 24
  private static let fence = "\"\"\""

  package init(descriptor: Int32 = 0) { self.descriptor = descriptor }

  /// The next message; nil at the end of input. `onContinuation` is called before each further line of a fenced one.
  package mutating func next(onContinuation: () -> Void = {}) -> String? {
    guard var text = line() else { return nil }
    if text.hasPrefix(Self.fence) {
      text.removeFirst(Self.fence.count)
      while !text.hasSuffix(Self.fence) {
        onContinuation()
        guard text.utf8.count < Self.longestMessage, let more = line() else { return text }
        text += "\n" + more
      }
      text.removeLast(Self.fence.count)
      return text
    }
    if text.hasPrefix("/") { return text }
    while text.utf8.count < Self.longestMessage, hasMore(), let more = line() { text += "\n" + more }
    return text
  }

  private mutating func line() -> String? {
    while true {
      if let end = buffer.firstIndex(of: 0x0A) {
        let text = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + 1)
        return text
      }
      if isAtEnd || buffer.count > Self.longestMessage {
        guard !buffer.isEmpty else { return nil }
        let text = String(decoding: buffer, as: UTF8.self)
        buffer.removeAll()
        return text
      }
      fill()
    }
  }

  private func hasMore() -> Bool {
    if !buffer.isEmpty { return true }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return !isAtEnd && poll(&entry, 1, Self.pasteGap) > 0
  }

  private mutating func fill() {
    var chunk = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &chunk, chunk.count)
    if count > 0 {
      buffer.append(contentsOf: chunk[..<count])
    } else if count == 0 || errno != EINTR {
      isAtEnd = true
    }
  }
}
