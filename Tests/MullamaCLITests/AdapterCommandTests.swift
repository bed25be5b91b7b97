import Foundation
import GGUF
import TestSupport
import Testing

/// `mullama adapter`: what can be done with adapters alone, from outside.
@Suite struct AdapterCommandTests {
  private let model = Fixtures.path("llama/model.gguf")
  private let tokens = "1,316,39,68,75"

  private func peft(_ name: String, _ model: String = "llama") -> String {
    Fixtures.path("\(model)/adapters/\(name)/peft")
  }

  private func logits(_ model: String, _ arguments: [String], _ folder: URL) throws -> [Float] {
    let file = folder.appendingPathComponent("logits.npy")
    let run = try CommandLineRun(
      ["logits", model, "--tokens", tokens, "--all", "--precision", "reference", "--output", file.path]
        + arguments)
    try #require(run.status == 0, "\(run.errors)")
    return try NPYArray(contentsOf: file).values
  }

  private func difference(_ a: [Float], _ b: [Float]) -> Float {
    a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
  }

  @Test(arguments: ["lora", "rslora", "pattern", "embed", "dora", "mts_lmhead", "bias"])
  func convertKeepsTheLogits(_ name: String) throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("out.gguf").path
      let run = try CommandLineRun([
        "adapter", "convert", peft(name), "-o", file, "--base", model, "--outtype", "f32", "--json",
      ])
      #expect(run.status == 0)
      let isPlain = ["lora", "rslora", "pattern", "embed"].contains(name)
      #expect(run.errors.hasPrefix("mullama: warning: llama.cpp refuses this file") == !isPlain)
      let json = try run.json()
      #expect((json["warnings"] as? [String])?.isEmpty == isPlain)
      #expect(json["type"] as? String == "f32")
      #expect(
        json["bytes"] as? Int
          == (try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int))
      for scale in ["1", "0.5"] {
        let own = try logits(model, ["--lora", peft(name), "--lora-scale", scale], folder)
        let converted = try logits(model, ["--lora", file, "--lora-scale", scale], folder)
        #expect(difference(own, converted) < 1e-3)
      }
      let diff = try CommandLineRun(["adapter", "diff", peft(name), file, "--base", model, "--json"])
      #expect(diff.status == 0)
      #expect(try diff.json()["same"] as? Bool == true)
    }
  }

  /// `check` names what an adapter adds to the vocabulary; `logits` is as wide as it makes it.
  @Test func addedTokensAreNamed() throws {
    try withTemporaryDirectory { folder in
      let name = "base_model.model.%.weight"
      var weights = SafeTensorsDraft()
      for module in ["model.embed_tokens", "lm_head"] {
        weights.put(
          name.replacingOccurrences(of: "%", with: module), [321, 64], .init(repeating: 0.25, count: 321 * 64)
        )
      }
      for (file, bytes) in [
        ("adapter_config.json", Data("{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}".utf8)),
        ("added_tokens.json", Data("{\"mytoken\": 320}".utf8)),
        ("adapter_model.safetensors", Data(weights.bytes())),
      ] { try bytes.write(to: folder.appendingPathComponent(file)) }
      let check = try CommandLineRun(["adapter", "check", folder.path, "--base", model])
      #expect(check.status == 0 && check.output.contains("it adds 1 token: mytoken"))
      let json = try CommandLineRun(["adapter", "check", folder.path, "--base", model, "--json"]).json()
      #expect(json["added_tokens"] as? [String] == ["mytoken"])
      #expect(try logits(model, ["--lora", folder.path], folder).count == 5 * 321)
      #expect(try logits(model, [], folder).count == 5 * 320)
      let merge = try CommandLineRun([
        "adapter", "merge", model, folder.path, "-o", folder.appendingPathComponent("m.gguf").path,
      ])
      #expect(merge.status == 0 && merge.output.contains("1 token added to the vocabulary"))
    }
  }

  /// `inspect` takes a PEFT folder or its weights, and shows what `adapter inspect` shows.
  @Test(arguments: ["", "/adapter_model.safetensors"]) func inspectTakesAFolder(_ file: String) throws {
    let path = peft("dora") + file
    for arguments in [[], ["--json"]] {
      let own = try CommandLineRun(["inspect", path] + arguments)
      let other = try CommandLineRun(["adapter", "inspect", path] + arguments)
      #expect(own.status == 0 && own.errors.isEmpty)
      #expect(own.output == other.output)
    }
    let json = try CommandLineRun(["inspect", path, "--json"]).json()
    #expect(json["format"] as? String == "peft")
    #expect((json["kinds"] as? [String])?.contains("DoRA") == true)
    let folder = try CommandLineRun(["inspect", Fixtures.path("llama/logits")])
    #expect(folder.status != 0 && folder.errors.contains("adapter_config.json is missing"))
  }

  /// A folder's chat template is used where the model has none, and named where it differs.
  @Test func chatTemplates() throws {
    try withTemporaryDirectory { folder in
      var weights = SafeTensorsDraft()
      weights.put("base_model.model.model.norm.weight", [64], .init(repeating: 1.25, count: 64))
      let template = folder.appendingPathComponent("chat_template.jinja")
      for (file, bytes) in [
        ("adapter_config.json", Data("{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}".utf8)),
        ("adapter_model.safetensors", Data(weights.bytes())),
      ] { try bytes.write(to: folder.appendingPathComponent(file)) }
      func run(_ model: String, _ more: [String] = []) throws -> CommandLineRun {
        try CommandLineRun(
          ["run", Fixtures.path("\(model)/model.gguf"), "hi", "-n", "1", "--json", "--lora", folder.path]
            + more)
      }
      #expect(try run("mistral").errors.isEmpty)
      #expect(try run("mistral").json()["template"] is NSNull)
      try Data("{% for m in messages %}<{{ m.content }}>{% endfor %}".utf8).write(to: template)
      for (model, more, origin, notice) in [
        (
          "mistral", [], template.path,
          "mullama: the model has no chat template; prompts are in that of adapter"
        ),
        ("mistral", ["--template", "model"], nil, ""), ("mistral", ["--raw"], nil, ""),
        ("llama", [], "model", "mullama: warning: adapter '"),
        ("llama", ["--template", "adapter"], template.path, ""),
      ] as [(String, [String], String?, String)] {
        let answer = try run(model, more)
        #expect(answer.status == 0)
        #expect(try answer.json()["template"] as? String == origin, "\(model) \(more)")
        #expect(notice.isEmpty ? answer.errors.isEmpty : answer.errors.hasPrefix(notice))
        #expect(notice.isEmpty || answer.errors.contains(template.path))
      }
      for (model, word) in [("mistral", "the model has none"), ("llama", "makes other prompts")] {
        let path = Fixtures.path("\(model)/model.gguf")
        let check = try CommandLineRun(["adapter", "check", folder.path, "--base", path])
        #expect(check.status == 0 && check.output.contains(word) && check.output.contains(template.path))
      }
      #expect(
        try CommandLineRun(["adapter", "inspect", folder.path]).output.contains(
          "chat template  \(template.path)"))
      // One that is of no use.
      try Data("{% if %}".utf8).write(to: template)
      #expect(try run("mistral").errors.hasPrefix("mullama: warning: the chat template of adapter"))
      let failed = try run("mistral", ["--template", "adapter"])
      #expect(failed.isOneLineError && failed.errors.contains("chat_template.jinja"))
    }
  }

  /// `tokenize` knows the tokens that adapters add.
  @Test func tokenizeKnowsAddedTokens() throws {
    try withTemporaryDirectory { folder in
      var weights = SafeTensorsDraft()
      for module in ["model.embed_tokens", "lm_head"] {
        weights.put("base_model.model.\(module).weight", [321, 64], .init(repeating: 0.25, count: 321 * 64))
      }
      for (file, bytes) in [
        ("adapter_config.json", Data("{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}".utf8)),
        ("added_tokens.json", Data("{\"mytoken\": 320}".utf8)),
        ("adapter_model.safetensors", Data(weights.bytes())),
      ] { try bytes.write(to: folder.appendingPathComponent(file)) }
      let arguments = ["tokenize", model, "mytoken", "--no-special"]
      #expect(try CommandLineRun(arguments + ["--lora", folder.path]).output == "320\n")
      #expect(
        try CommandLineRun(arguments + ["--lora", folder.path, "--verbose"]).output.contains("\"mytoken\""))
      #expect(try !CommandLineRun(arguments).output.contains("320"))
    }
  }

  /// A prefix is shown, and used only if asked for.
  @Test func promptPrefixes() throws {
    try withTemporaryDirectory { folder in
      let own = try GGUFFile.open(Fixtures.path("llama/adapters/lora/adapter.gguf"))
      var writer = GGUFWriter()
      for key in own.metadata.keys { if let value = own.metadata[key] { writer.add(key, value) } }
      writer.add("adapter.lora.prompt_prefix", .string("Once upon "))
      for tensor in own.tensors {
        writer.addTensor(
          tensor.name, type: tensor.type, dimensions: tensor.dimensions,
          bytes: own.withBytes(of: tensor) { Array($0) })
      }
      let file = folder.appendingPathComponent("prefixed.gguf").path
      try writer.write(to: file)
      let inspected = try CommandLineRun(["adapter", "inspect", file, "--json"]).json()
      #expect(inspected["prompt_prefix"] as? String == "Once upon ")
      #expect(try CommandLineRun(["adapter", "inspect", file]).output.contains("\"Once upon \""))

      func answer(_ prompt: String, _ more: [String]) throws -> [String: Any] {
        try CommandLineRun(
          [
            "run", model, prompt, "--raw", "--json", "--max-tokens", "8", "--temperature", "0", "--lora",
            file,
          ] + more
        ).json()
      }
      let asked = try answer("a time", ["--lora-prefix"])
      let written = try answer("Once upon a time", [])
      let without = try answer("a time", [])
      for key in ["text", "prompt_tokens"] {
        #expect(asked[key] as? NSObject == written[key] as? NSObject, "\(key)")
      }
      #expect(asked["prompt_tokens"] as? Int != without["prompt_tokens"] as? Int)
      // An adapter that does nothing has no say.
      let off = try answer("a time", ["--lora-scale", "0", "--lora-prefix"])
      #expect(off["prompt_tokens"] as? Int == without["prompt_tokens"] as? Int)
    }
  }

  @Test func convertAsksForTheBase() throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("out.gguf").path
      let start = ["adapter", "convert", peft("lora"), "-o", file]
      for more in [[], ["--architecture", "llama"]] {
        let run = try CommandLineRun(start + more)
        #expect(run.status == 1 && run.isOneLineError && run.errors.contains("--base"))
        #expect(!FileManager.default.fileExists(atPath: file))
      }
      let heads = ["--architecture", "llama", "--heads", "4", "--kv-heads", "2"]
      #expect(try CommandLineRun(start + heads).status == 0)
      let given = try Data(contentsOf: URL(fileURLWithPath: file))
      #expect(try CommandLineRun(start + ["--base", model]).status == 0)
      #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == given)
      #expect(try CommandLineRun(start + ["--base", model, "--heads", "4"]).status == 2)
      // A GGUF adapter says its architecture itself.
      let again = folder.appendingPathComponent("again.gguf").path
      #expect(
        try CommandLineRun(["adapter", "convert", file, "-o", again, "--outtype", "bf16"]).status == 0)
      #expect(try CommandLineRun(["adapter", "diff", file, again, "--tolerance", "0.02"]).status == 0)
    }
  }

  @Test func mergeIsWhatRunTimeDoes() throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("merged.gguf").path
      let run = try CommandLineRun([
        "adapter", "merge", model, peft("lora"), "--scale", "0.8", peft("dora"), "-o", file, "--json",
      ])
      #expect(run.status == 0 && run.errors == "")
      let json = try run.json()
      let adapters = try #require(json["adapters"] as? [[String: Any]])
      #expect(adapters.map { $0["scale"] as? Double } == [0.8, 1])
      #expect(json["changed"] as? Int == 21)
      let expected = try logits(
        model, ["--lora", peft("lora"), "--lora-scale", "0.8", "--lora", peft("dora")], folder)
      #expect(difference(try logits(file, [], folder), expected) < 1e-3)
      let inspect = try CommandLineRun(["inspect", file, "--metadata"])
      #expect(inspect.output.contains("mullama.merged"))
      let half = try CommandLineRun([
        "adapter", "merge", "--type", "f16", "-o", file, model, peft("lora"),
      ])
      #expect(half.status == 0 && half.output.contains("new types: F16"))
      #expect(
        try Set(FileManager.default.contentsOfDirectory(atPath: folder.path)) == [
          "merged.gguf", "logits.npy",
        ])
    }
  }

  @Test func mergeRefusesBadUse() throws {
    try withTemporaryDirectory { folder in
      let file = folder.appendingPathComponent("model.gguf")
      try FileManager.default.copyItem(at: Fixtures.url("llama/model.gguf"), to: file)
      let before = try Data(contentsOf: file)
      func status(_ arguments: [String]) throws -> Int32 {
        let run = try CommandLineRun(["adapter", "merge"] + arguments)
        #expect(run.isOneLineError)
        return run.status
      }
      #expect(try status([file.path, peft("lora"), "-o", file.path]) == 1)
      #expect(try status([file.path, peft("lora"), "-o", "/dev/null"]) == 1)
      #expect(try status([file.path, peft("lora"), "-o", folder.path]) == 1)
      #expect(try status([file.path, "-o", folder.path + "/out.gguf"]) == 2)
      #expect(try status([file.path, "--scale", "1", peft("lora"), "-o", "out.gguf"]) == 2)
      #expect(
        try status([file.path, peft("lora"), "--scale", "1", "--scale=2", "-o", "out.gguf"]) == 2)
      #expect(try status([file.path, peft("lora"), "--scale", "much", "-o", "out.gguf"]) == 2)
      #expect(try status([file.path, peft("lora", "qwen2"), "-o", folder.path + "/out.gguf"]) == 1)
      #expect(try Data(contentsOf: file) == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.gguf"])
    }
  }

  /// Neither command writes over what it reads, under whatever name.
  @Test func inputsAreKept() throws {
    try withTemporaryDirectory { folder in
      let files = FileManager.default
      func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
      try files.copyItem(atPath: model, toPath: path("model.gguf"))
      try files.copyItem(atPath: Fixtures.path("llama/adapters/lora/adapter.gguf"), toPath: path("lora.gguf"))
      try files.copyItem(atPath: peft("lora"), toPath: path("peft"))
      try files.createSymbolicLink(
        atPath: path("link"), withDestinationPath: path("peft/adapter_model.safetensors"))
      try files.createSymbolicLink(atPath: path("nowhere"), withDestinationPath: path("gone"))
      func contents() throws -> [String: Data] {
        try files.subpathsOfDirectory(atPath: folder.path).reduce(into: [:]) {
          $0[$1] = files.contents(atPath: path($1))
        }
      }
      let before = try contents()
      let outputs = [
        "model.gguf", "peft/adapter_model.safetensors", "peft/adapter_config.json", "link", "nowhere",
      ]
      for output in outputs {
        for arguments in [
          ["convert", path("peft"), "--base", path("model.gguf")],
          ["convert", path("peft/adapter_model.safetensors"), "--base", path("model.gguf")],
          ["merge", path("model.gguf"), path("peft")],
        ] {
          let run = try CommandLineRun(["adapter"] + arguments + ["-o", path(output)])
          #expect(run.status == 1 && run.isOneLineError && run.errors.contains(path(output)), "\(output)")
        }
      }
      for arguments in [["convert", path("lora.gguf")], ["merge", path("model.gguf"), path("lora.gguf")]] {
        let run = try CommandLineRun(["adapter"] + arguments + ["-o", path("lora.gguf")])
        #expect(run.status == 1 && run.isOneLineError && run.errors.contains("would replace"))
      }
      #expect(try contents() == before)
      // A GGUF file beside a PEFT folder's own files is none of them.
      let convert = [
        "adapter", "convert", path("peft"), "--base", path("model.gguf"), "-o", path("peft/a.gguf"),
      ]
      for _ in 0..<2 { #expect(try CommandLineRun(convert).status == 0) }
    }
  }

  @Test func diffNamesWhatDiffers() throws {
    let same = try CommandLineRun(["adapter", "diff", peft("lora"), peft("lora")])
    #expect(same.status == 0 && same.output == "no difference in 21 changes\n")
    let run = try CommandLineRun(["adapter", "diff", peft("lora"), peft("lora2"), "--json"])
    #expect(run.status == 1 && run.errors == "")
    let tensors = try #require(run.json()["tensors"] as? [[String: Any]])
    #expect(tensors.count == 21)
    #expect(tensors.allSatisfy { ($0["relative_difference"] as? Double ?? 0) > 0.5 })
    #expect(tensors.allSatisfy { (($0["first"] as? [String: Any])?["rank"] as? Int) == 4 })
    #expect(tensors.allSatisfy { (($0["second"] as? [String: Any])?["rank"] as? Int) == 3 })
    let parts = try CommandLineRun(["adapter", "diff", peft("lora"), peft("qv")])
    #expect(parts.status == 1 && parts.output.contains("only first"))
    let mixed = try CommandLineRun([
      "adapter", "diff", peft("lora"), Fixtures.path("llama/adapters/lora/adapter.gguf"),
    ])
    #expect(mixed.status == 1 && mixed.isOneLineError && mixed.errors.contains("--base"))
  }

  @Test func inspectTellsOfPEFTFolders() throws {
    for (name, kinds) in [
      ("lora", ["LoRA"]), ("rslora", ["rsLoRA"]), ("dora", ["LoRA", "DoRA"]),
      ("embed", ["LoRA", "token embedding"]), ("mts_lmhead", ["LoRA", "replaced matrices"]),
      ("bias", ["LoRA", "biases of factors"]),
    ] {
      let json = try CommandLineRun(["adapter", "inspect", peft(name), "--json"]).json()
      #expect(json["kinds"] as? [String] == kinds)
      #expect(json["format"] as? String == "peft")
      #expect((json["content_hash"] as? String)?.count == 32)
      #expect(json["bytes"] as? Int ?? 0 > 0)
      #expect((json["modules"] as? [Any])?.isEmpty == false)
    }
    let text = try CommandLineRun(["adapter", "inspect", peft("experts", "mixtral")])
    #expect(text.output.contains("LoRA adapter (PEFT): LoRA, experts"))
  }

  @Test func checkListsEveryMismatchOfAFolder() throws {
    let run = try CommandLineRun([
      "adapter", "check", peft("lora"), "--base", Fixtures.path("qwen2/model.gguf"), "--json",
    ])
    #expect(run.status == 1)
    // The feed-forward of this model is narrower: gate, up and down of three layers.
    #expect((try run.json()["problems"] as? [String])?.count == 9)
  }
}
