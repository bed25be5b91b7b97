#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One of the process's output streams, written at once: what is generated is seen at once.
package struct OutputStream: Sendable {
  private let descriptor: Int32

  /// Results, and nothing else.
  package static let results = OutputStream(descriptor: 1)
  /// Everything else: errors, statistics, progress.
  package static let messages = OutputStream(descriptor: 2)

  package var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Columns of the terminal, 80 where they are unknown.
  package var width: Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes text. A reader that has gone ends the process quietly, as it does other programs in a pipeline.
  package func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = systemWrite(descriptor, rest.baseAddress, rest.count)
        if count > 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        } else if errno == EAGAIN {
          var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&entry, 1, -1)
        } else if errno != EINTR {
          fail(errno)
        }
      }
    }
  }

  package func writeLine(_ line: String = "") { write(line + "\n") }

  /// A line on standard error about something that was done all the same.
  package static func warn(_ text: String) {
    messages.writeLine("mullama: warning: " + Wording.printable(text))
  }

  private func fail(_ code: Int32) -> Never {
    if code != EPIPE, descriptor == 1 {
      OutputStream.messages.writeLine(
        "mullama: the output cannot be written: \(String(cString: strerror(code)))")
    }
    exit(code == EPIPE ? 128 + SIGPIPE : 1)
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
