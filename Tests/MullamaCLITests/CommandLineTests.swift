import Foundation
import TestSupport
import Testing

/// The program from outside: results on standard output, the rest on standard error, exit codes.
@Suite struct CommandLineTests {
  private let model = Fixtures.path("llama/model.gguf")
  private let adapter = Fixtures.path("llama/adapters/lora/adapter.gguf")
  private let adapter2 = Fixtures.path("llama/adapters/lora2/adapter.gguf")

  @Test func runPrintsOneJSONObject() throws {
    let run = try CommandLineRun([
      "run", model, "Hello world", "--raw", "--json", "--max-tokens", "8", "--seed", "7", "--lora", adapter,
      "--lora-scale", "0.5",
    ])
    #expect(run.status == 0)
    #expect(run.errors == "")
    let json = try run.json()
    #expect(
      Set(json.keys) == [
        "text", "tokens", "prompt_tokens", "finish_reason", "seed", "adapters", "template", "timings",
      ])
    #expect((json["tokens"] as? [Int])?.count == 8)
    #expect(json["prompt_tokens"] as? Int == 10)
    #expect(json["finish_reason"] as? String == "length")
    #expect(json["seed"] as? Int == 7)
    let adapters = try #require(json["adapters"] as? [[String: Any]])
    #expect(adapters.count == 1)
    #expect(adapters.first?["scale"] as? Double == 0.5)
    let timings = try #require(json["timings"] as? [String: Double])
    #expect(
      Set(timings.keys) == [
        "load_seconds", "prefill_seconds", "prefill_tokens_per_second", "decode_seconds",
        "decode_tokens_per_second",
      ])
    #expect(timings.values.allSatisfy { $0 >= 0 })
  }

  @Test func runWritesTheAnswerAndNothingElseToStandardOutput() throws {
    let arguments = ["run", model, "Hello world", "--raw", "--max-tokens", "8", "--temperature", "0"]
    let text = try #require(CommandLineRun(arguments + ["--json"]).json()["text"] as? String)
    let plain = try CommandLineRun(arguments)
    #expect(plain.output == text + (text.hasSuffix("\n") ? "" : "\n"))
    #expect(plain.errors == "")
    let withStats = try CommandLineRun(arguments + ["--stats", "--no-stream"])
    #expect(withStats.output == plain.output)
    #expect(withStats.errors.contains("tokens/s"))
    #expect(withStats.errors.contains("adapters"))
    let fromInput = try CommandLineRun(arguments.filter { $0 != "Hello world" }, input: "Hello world\n")
    #expect(fromInput.output == plain.output)
  }

  @Test func scaleZeroIsTheBaseModelAndTheSeedRepeats() throws {
    let arguments = ["run", model, "Hello", "--raw", "--json", "--max-tokens", "16", "--seed", "3"]
    func tokens(_ more: [String] = []) throws -> [Int] {
      try #require(CommandLineRun(arguments + more).json()["tokens"] as? [Int])
    }
    let base = try tokens()
    #expect(try tokens() == base)
    #expect(try tokens(["--lora", adapter, "--lora-scale", "0"]) == base)
  }

  /// Reference mode is float32 throughout; the reference is too, in another order of summation.
  private static let tolerance: Float = 1e-3

  @Test(arguments: [
    "base.short", "lora@1.0.short", "lora@0.5.short", "lora@0.8+lora2@0.5.short", "base.long",
  ])
  func logitsAgreeWithTheReference(id: String) throws {
    let manifest = try ConformanceManifest.load("llama")
    let item = try manifest.conformanceCase(id)
    let tokens = try manifest.tokens(of: item).map(String.init).joined(separator: ",")
    let adapters = try item.adapters.flatMap {
      ["--lora", try manifest.adapterPath($0.name), "--lora-scale=\($0.scale)"]
    }
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("logits.npy")
      let arguments =
        ["logits", model, "--tokens", tokens, "--precision", "reference", "--output", file.path] + adapters
      let all = try CommandLineRun(arguments + ["--all"])
      #expect(all.status == 0)
      #expect(all.output == "" && all.errors == "")
      let found = try NPYArray(contentsOf: file), expected = try manifest.logits(of: item)
      #expect(found.shape[1] == expected.shape[1])
      for (row, position) in item.positions.enumerated() {
        let difference = zip(found.row(position), expected.row(row)).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference <= Self.tolerance, "position \(position)")
      }
      #expect(try CommandLineRun(arguments).status == 0)
      let last = try NPYArray(contentsOf: file)
      #expect(last.shape == [1, found.shape[1]])
      // Another number of rows is multiplied in another order.
      let difference = zip(last.values, found.row(found.rowCount - 1)).map { abs($0 - $1) }.max() ?? .infinity
      #expect(difference <= Self.tolerance)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["logits.npy"])
    }
  }

  @Test func tokenizeHasThreeForms() throws {
    let ids = try CommandLineRun(["tokenize", model, "Hello world"])
    #expect(ids.output == "316 39 68 75 75 78 276 268 75 67\n")
    let json = try CommandLineRun(["tokenize", model, "-", "--json", "--no-special"], input: "Hello world")
    #expect(json.output == "[39,68,75,75,78,276,268,75,67]\n")
    let table = try CommandLineRun(["tokenize", model, "Hello world", "--verbose", "--no-special"])
    #expect(table.output.hasPrefix(" id  text\n 39  \"H\"\n"))
  }

  @Test func inspectTellsOfModelsAndAdapters() throws {
    let model = try CommandLineRun(["inspect", model, "--json", "--tensors", "--metadata"]).json()
    #expect(model["architecture"] as? String == "llama")
    #expect(model["vocabulary"] as? Int == 320)
    #expect(model["expert_count"] is NSNull)
    let mixture = Fixtures.path("qwen3moe/model.gguf")
    let experts = try CommandLineRun(["inspect", mixture, "--json"]).json()
    #expect(experts["expert_count"] as? Int == 4 && experts["expert_used_count"] as? Int == 2)
    #expect(try CommandLineRun(["inspect", mixture]).output.contains("experts        4, 2 for a token\n"))
    let tensors = try #require(model["tensors"] as? [[String: Any]])
    let types = try #require(model["types"] as? [[String: Any]])
    #expect(tensors.count == types.reduce(0) { $0 + ($1["tensors"] as? Int ?? 0) })
    #expect((model["metadata"] as? [Any])?.isEmpty == false)
    for command in [["inspect"], ["adapter", "inspect"]] {
      let adapter = try CommandLineRun(command + [adapter, "--json"]).json()
      #expect(adapter["kind"] as? String == "adapter")
      #expect(adapter["ranks"] as? [Int] == [4, 4])
      #expect((adapter["modules"] as? [Any])?.count == 7)
      #expect((adapter["content_hash"] as? String)?.count == 32)
      #expect(try CommandLineRun(command + [self.adapter]).output.contains("attn_q"))
    }
  }

  @Test func checkListsAllThatDoesNotFit() throws {
    let fits = try CommandLineRun(["adapter", "check", adapter, "--base", model])
    #expect(fits.status == 0)
    #expect(fits.output.contains("fits"))
    let other = Fixtures.path("llama_tied_l3rope/model.gguf")
    let json = try CommandLineRun([
      "adapter", "check", Fixtures.path("smollm2/pirate/adapter.gguf"), "--base", other, "--json",
    ])
    #expect(json.status == 1)
    #expect(json.errors == "")
    #expect(try json.json()["fits"] as? Bool == false)
    #expect((try json.json()["problems"] as? [String])?.count == 60)
  }

  @Test func perplexityAndBenchPrintTheirContract() throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("text.txt")
      try Data(String(repeating: "The licensee may copy and modify the Program. ", count: 20).utf8).write(
        to: file)
      let perplexity = try CommandLineRun(["perplexity", model, "-f", file.path, "--context", "64", "--json"])
      #expect(perplexity.status == 0)
      let json = try perplexity.json()
      #expect((json["perplexity"] as? Double ?? 0) > 1)
      let windows = try #require(json["windows"] as? Int)
      // Of 64 tokens the second half but the last is predicted from the token before it.
      #expect(json["tokens"] as? Int == windows * 31)
    }
  }

  @Test func benchPrintsItsContract() throws {
    let bench = try CommandLineRun([
      "bench", model, "--prompt", "16", "--generate", "4", "--repetitions", "2", "--lora", adapter, "--json",
    ])
    #expect(bench.status == 0)
    let json = try bench.json()
    let results = try #require(json["results"] as? [[String: Any]])
    #expect(results.map { $0["name"] as? String } == ["prefill", "decode"])
    for result in results {
      #expect((result["samples"] as? [Double])?.count == 2)
      #expect((result["base_samples"] as? [Double])?.count == 2)
      let kept = try #require(result["kept"] as? Double)
      #expect(kept > 0)
      // Of two prompts, and of two stretches of four tokens.
      #expect(try #require(result["kept_standard_error"] as? Double) >= 0)
    }
    for key in [
      "model", "architecture", "kernels", "threads", "depth", "load_seconds", "time_to_first_token_seconds",
      "load_to_first_token_seconds", "weights_bytes", "weights_gigabytes_per_second",
      "read_gigabytes_per_second", "bandwidth_used", "kv_bytes", "working_bytes", "adapter_bind_seconds",
      "adapter_bytes", "adapter_memory_bytes", "adapter_load_seconds", "adapter_first_bind_seconds",
      "adapter_switch_seconds",
      "adapters", "peak_resident_bytes", "anonymous_resident_bytes",
    ] { #expect(json[key] != nil, "\(key)") }
  }

  @Test func benchDecodesSeveralSequencesBehindADepth() throws {
    let arguments = [
      "bench", model, "--prompt", "8", "--generate", "4", "--batch", "3,1", "--depth", "600",
      "--repetitions", "1",
    ]
    let json = try CommandLineRun(arguments + ["--json"]).json()
    let results = try #require(json["results"] as? [[String: Any]])
    #expect(results.map { $0["name"] as? String } == ["prefill", "decode", "decode"])
    #expect(results.map { $0["batch"] as? Int } == [1, 3, 1])
    #expect(results.map { $0["tokens"] as? Int } == [8, 12, 4])
    #expect(results.allSatisfy { $0["kept"] is NSNull })
    #expect(json["depth"] as? Int == 600)
    let table = try CommandLineRun(arguments)
    #expect(table.status == 0)
    #expect(table.output.contains("600 tokens in the cache"))
    #expect(!table.output.contains("kept"))
  }
}
