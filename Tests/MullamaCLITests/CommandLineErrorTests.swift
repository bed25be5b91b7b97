import Foundation
import TestSupport
import Testing

/// Wrong usage ends with 2, what cannot be done with 1; either way one line on standard error.
@Suite struct CommandLineErrorTests {
  private static let model = Fixtures.path("llama/model.gguf")
  private static let adapter = Fixtures.path("llama/adapters/lora/adapter.gguf")
  private static let run = ["run", model, "hi", "--raw"]

  @Test(arguments: [
    ["bogus"], ["run"], run + ["--bogus"], run + ["more"], run + ["--lora-scale", "1", "--lora", adapter],
    run + ["--lora", adapter, "--lora-scale=1", "--lora-scale=2"], run + ["--threads", "0"],
    run + ["--threads", "x"],
    run + ["--threads", "99999999999999999999"], run + ["--context", "-1"], run + ["--context", "0"],
    run + ["--max-tokens=-1"], run + ["--temperature", "-1"], run + ["--stop", ""], run + ["--system", "x"],
    run + ["--precision", "half"], ["logits", model, "--output", "x.npy"],
    ["logits", model, "--tokens", "1", "--prompt", "x", "--output", "x.npy"],
    ["logits", model, "--tokens", "1,,2", "--output", "x.npy"], ["logits", model, "--tokens", "1"],
    ["bench", model, "--prompt", "0"],
    ["bench", model, "--prompt", "9", "--generate", "9", "--context", "17"],
    ["bench", model, "--prompt", "9", "--generate", "8", "--depth", "1", "--context", "17"],
    ["bench", model, "--batch", "0"], ["bench", model, "--batch", "1,1"], ["bench", model, "--depth", "-1"],
    ["perplexity", model], ["adapter", "check", adapter], ["adapter", "bogus"], ["tokenize", model],
  ])
  func wrongUsage(arguments: [String]) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 2, "\(run.errors)")
    #expect(run.isOneLineError, "\(run.errors)")
    #expect(run.errors.contains("--help"))
  }

  @Test(arguments: [
    (["run", "/nowhere/model.gguf", "hi"], "no such file"), (["run", "llama3.2:1b", "hi"], "no such file"),
    (["run", "/", "hi"], "folder"), (["run", adapter, "hi"], "adapter"),
    (["inspect", "/nowhere"], "no such file"),
    (["inspect", "/dev/null"], "device"), (run + ["--lora", "/nowhere"], "no such file"),
    (run + ["--lora", model], "not a LoRA adapter"), (run + ["--context", "1"], "context"),
    (run + ["--context", "16777216", "--precision", "reference"], ""),
    (run + ["--logit-bias", "9999999=1"], "9999999"), (["run", model, "--raw"], "empty"),
    (["logits", model, "--tokens", "320", "--output", "/dev/null"], "320"),
    (["logits", model, "--tokens", "1", "--output", "/nowhere/x.npy"], "/nowhere/x.npy"),
    (["logits", model, "--tokens", "1", "--output", "/"], "directory"),
    (["perplexity", model, "-f", "/nowhere"], "/nowhere"),
    (["perplexity", model, "-f", "/dev/null"], "tokens"),
    (["perplexity", model, "-f", model], "UTF-8"),
    (["adapter", "check", model, "--base", model], "not a LoRA adapter"),
    (["tokenize", "/nowhere", "x"], "no such file"),
  ])
  func whatCannotBeDone(arguments: [String], words: String) throws {
    let run = try CommandLineRun(arguments)
    // The tiny model's largest context may fit this machine.
    if words.isEmpty, run.status == 0 { return }
    #expect(run.status == 1, "\(run.errors)")
    #expect(run.isOneLineError, "\(run.errors)")
    #expect(run.errors.contains(words), "\(run.errors)")
  }

  @Test func unknownKernelsAreAnError() throws {
    let run = try CommandLineRun(Self.run, environment: ["MULLAMA_KERNELS": "bogus"])
    #expect(run.status == 1)
    #expect(run.isOneLineError)
    #expect(run.errors.contains("bogus"))
  }

  @Test(arguments: [0, 3, 24, 100, 5000])
  func truncatedFilesAreAnError(length: Int) throws {
    let bytes = try Fixtures.bytes("llama/model.gguf")
    try withTemporaryFile(Array(bytes.prefix(length)), name: "cut\u{1B}[2J\n.gguf") { path in
      for command in [["run", path, "hi"], ["inspect", path], ["adapter", "inspect", path]] {
        let run = try CommandLineRun(command)
        #expect(run.status == 1)
        #expect(run.isOneLineError, "\(run.errors)")
        #expect(!run.errors.contains("\u{1B}"))
      }
    }
  }

  @Test func helpAndVersionAreNoErrors() throws {
    for arguments in [
      [], ["--help"], ["run", "--help"], ["logits", "-h"], ["adapter"], ["help", "bench"],
      ["adapter", "check", "--help"],
    ] {
      let run = try CommandLineRun(arguments)
      #expect(run.status == 0, "\(arguments)")
      #expect(run.output.contains("USAGE"), "\(arguments)")
      #expect(run.errors == "")
    }
    #expect(try CommandLineRun(["--version"]).output.split(separator: ".").count == 3)
  }

  @Test func aReaderThatHasGoneEndsTheProgramQuietly() throws {
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", "\"$0\" run \"$1\" hi --raw --max-tokens 200 --temperature 0 | head -c 1 >/dev/null",
      try CommandLineRun.program().path, Self.model,
    ]
    process.standardError = errors
    try process.run()
    process.waitUntilExit()
    #expect(try errors.fileHandleForReading.readToEnd() ?? Data() == Data())
  }
}
