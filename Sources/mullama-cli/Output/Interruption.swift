import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What Ctrl-C does: end the program, having removed the file it was writing, or whatever a command asks for instead.
enum Interruption {
  private struct State {
    var partialFile: String?
    var handler: (@Sendable () -> Void)?
    /// By signal.
    var sources: [Int32: any DispatchSourceSignal] = [:]
  }

  private static let state = Mutex(State())

  /// Names the file to remove if the program is interrupted; nil: none any more.
  static func removeOnInterrupt(_ path: String?) {
    state.withLock { $0.partialFile = path }
    guard path != nil else { return }
    listen(to: SIGINT, interrupt)
    // It ends a program without asking. (SIGHUP is left alone: `nohup` has it ignored.)
    listen(to: SIGTERM, end)
  }

  /// Calls `handler` at Ctrl-C instead of ending the program.
  static func handle(_ handler: @escaping @Sendable () -> Void) {
    state.withLock { $0.handler = handler }
    listen(to: SIGINT, interrupt)
  }

  private static func listen(to number: Int32, _ body: @escaping @Sendable () -> Void) {
    state.withLock { state in
      if state.sources[number] != nil { return }
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global(qos: .userInteractive))
      source.setEventHandler { body() }
      source.resume()
      state.sources[number] = source
    }
  }

  /// Removes the file, and ends the program as the signal would have.
  private static func end() {
    if let file = state.withLock({ $0.partialFile }) { unlink(file) }
    signal(SIGTERM, SIG_DFL)
    kill(getpid(), SIGTERM)
  }

  private static func interrupt() {
    let (handler, file) = state.withLock { ($0.handler, $0.partialFile) }
    if let handler { return handler() }
    if let file { unlink(file) }
    exit(128 + SIGINT)
  }
}
