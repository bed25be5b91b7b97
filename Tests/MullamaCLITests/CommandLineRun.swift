import Foundation
import TestSupport
import Testing

/// One run of the built program, to its end.
struct CommandLineRun {
  let status: Int32
  let output: String
  let errors: String

  /// Runs `mullama` with its standard input from `input` and waits for it.
  init(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws {
    (status, output, errors) = try withTemporaryDirectory { folder in
      func file(_ name: String, _ text: String = "") throws -> URL {
        let url = folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: url)
        return url
      }
      let outputFile = try file("output"), errorFile = try file("errors")
      let process = Process()
      process.executableURL = try Self.program()
      process.arguments = arguments
      process.environment = ProcessInfo.processInfo.environment
        .merging(environment) { $1 }.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
      process.standardInput = try FileHandle(forReadingFrom: file("input", input))
      process.standardOutput = try FileHandle(forWritingTo: outputFile)
      process.standardError = try FileHandle(forWritingTo: errorFile)
      try process.run()
      process.waitUntilExit()
      let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
      return (
        status, try String(contentsOf: outputFile, encoding: .utf8),
        try String(contentsOf: errorFile, encoding: .utf8)
      )
    }
  }

  /// The program that was built with the tests: it lies in the same folder as their bundle.
  static func program() throws -> URL {
    var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let program = folder.appendingPathComponent("mullama")
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: program.path, isDirectory: &isFolder), !isFolder.boolValue {
        return program
      }
    }
    let release = Fixtures.repository.appendingPathComponent(".build/release/mullama")
    try #require(FileManager.default.isExecutableFile(atPath: release.path), "mullama is not built")
    return release
  }

  /// The output as JSON.
  func json() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
  }

  /// Is there exactly one line on standard error, in the program's name, and nothing on standard output?
  var isOneLineError: Bool {
    output.isEmpty && errors.hasPrefix("mullama: ") && errors.hasSuffix("\n")
      && errors.filter { $0 == "\n" }.count == 1 && errors.count > 12
  }
}
