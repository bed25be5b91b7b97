#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What keeps a command from being done, beyond what the library reports.
package enum CommandError: Error, Equatable, Sendable {
  case noModel(path: String)
  /// `code` is `errno`.
  case cannotRead(file: String, code: Int32)
  case cannotWrite(file: String, code: Int32)
  case tooLarge(file: String, limit: Int)
  case notText(file: String)
  case textTooShort(file: String, tokens: Int, needed: Int)
  case wouldReplaceInput(file: String)
  case noInput
  case noChat(model: String)
}

extension CommandError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .noModel(let path): "\(path): there is no such file; MODEL is the path of a .gguf file"
    case .cannotRead(let file, let code): "\(file): cannot be read: \(String(cString: strerror(code)))"
    case .cannotWrite(let file, let code): "\(file): cannot be written: \(String(cString: strerror(code)))"
    case .tooLarge(let file, let limit): "\(file): longer than the limit of \(Wording.bytes(limit))"
    case .notText(let file): "\(file): not a UTF-8 text"
    case .textTooShort(let file, let tokens, let needed):
      "\(file): the text has \(tokens) tokens but at least \(needed) are needed; give more text or a smaller --context"
    case .wouldReplaceInput(let file):
      "\(file): would replace a file that it is made from; give --output another name"
    case .noInput: "the prompt is empty: give one as an argument or on standard input"
    case .noChat(let model):
      "\(model): there is no chat template to chat with, neither of the model nor of an adapter; "
        + "give a PROMPT, which it continues"
    }
  }
}
