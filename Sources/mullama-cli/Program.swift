import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The program's way in and out: results on standard output, one line on standard error where something is wrong.
///
/// Exit codes: 0 done, 1 it could not be done, 2 wrong usage; 128 + n ended by signal n.
@main
package enum Program {
  package static func main() async {
    signal(SIGPIPE, SIG_DFL)
    let status = await run(Array(CommandLine.arguments.dropFirst()))
    exit(status)
  }

  private static func run(_ arguments: [String]) async -> Int32 {
    do {
      var command = try parse(arguments)
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      return 0
    } catch {
      return report(error, arguments)
    }
  }

  /// Parses as the program does: adapters and their scales paired, then by the commands' own declarations.
  package static func parse(_ arguments: [String]) throws -> any ParsableCommand {
    try MullamaCommand.parseAsRoot(
      MergeArguments.pairingScales(AdapterArguments.pairingScales(arguments)))
  }

  /// Says what is wrong and returns the exit code for it.
  private static func report(_ error: any Error, _ arguments: [String]) -> Int32 {
    let code = MullamaCommand.exitCode(for: error)
    switch code {
    case .success:
      let text = MullamaCommand.fullMessage(for: error)
      if !text.isEmpty { OutputStream.results.writeLine(text) }
      return 0
    case .validationFailure:
      var line = oneLine(MullamaCommand.message(for: error))
      if line.last == "." { line.removeLast() }
      OutputStream.messages.writeLine("mullama: \(line) (see '\(helpCommand(arguments))')")
      return 2
    default:
      // An `ExitCode` stands for an outcome that its command has already told.
      if !(error is ExitCode) { OutputStream.messages.writeLine("mullama: \(oneLine("\(error)"))") }
      return code.rawValue
    }
  }

  /// The command line that explains the command that was meant.
  private static func helpCommand(_ arguments: [String]) -> String {
    var names = ["mullama"]
    var command: any ParsableCommand.Type = MullamaCommand.self
    for argument in arguments {
      guard
        let next = command.configuration.subcommands.first(where: { $0.configuration.commandName == argument }
        )
      else { break }
      command = next
      names.append(argument)
    }
    return names.joined(separator: " ") + " --help"
  }

  private static func oneLine(_ text: String) -> String {
    Wording.printable(text.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: " "))
  }
}
