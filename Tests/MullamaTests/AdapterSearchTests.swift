import Foundation
import GGUF
import Mullama
import TestSupport
import Testing

/// Folders as trainers, downloads and mistakes leave them: the adapter in them, or one sentence that says what is wrong.
@Suite struct AdapterSearchTests {
  /// Writes adapters with norms of these values under these names, and other files, and calls `body` with the folder.
  private func folder<R>(
    _ adapters: [String: Float] = [:], _ files: [String: String] = [:], _ body: (String) throws -> R
  ) throws -> R {
    try withTemporaryDirectory { root in
      for (name, norm) in adapters {
        let folder = root.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try AdapterFolder(norm: norm).write(to: folder)
      }
      for (name, text) in files {
        let file = root.appendingPathComponent(name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
      }
      return try body(root.path)
    }
  }

  private func hash(_ norm: Float) throws -> String {
    try AdapterFolder(norm: norm).with { try LoRAAdapter.load($0).contentHash }
  }

  private func error(_ path: String) -> String {
    do {
      return "loaded \(try LoRAAdapter.load(path).path)"
    } catch {
      return "\(error)"
    }
  }

  /// What a trainer leaves beside a checkpoint does not matter.
  private static let leftovers = [
    "optimizer.pt": "PK\u{3}\u{4}", "scheduler.pt": "PK\u{3}\u{4}", "trainer_state.json": "{}",
    "training_args.bin": "PK\u{3}\u{4}", "README.md": "# Model",
  ]

  @Test(arguments: ["", "/", "/adapter_model.safetensors", "/adapter_config.json"])
  func aCheckpoint(_ suffix: String) throws {
    let files = Dictionary(
      uniqueKeysWithValues: Self.leftovers.map { ("run/checkpoint-500/" + $0.key, $0.value) })
    try folder(["run/checkpoint-500": 1.5], files) { root in
      let adapter = try LoRAAdapter.load(root + "/run/checkpoint-500" + suffix)
      #expect(adapter.name == "checkpoint-500")
      #expect(try adapter.contentHash == hash(1.5))
    }
  }

  /// The only one below is the one that is meant; its path is the one that is shown.
  @Test(arguments: ["run", "run/"]) func theOnlyOneBelow(_ name: String) throws {
    try folder(["run/checkpoint-500": 1.5], ["run/README.md": "# x", "run/logs/x.txt": "x"]) { root in
      let adapter = try LoRAAdapter.load(root + "/" + name)
      #expect(adapter.path == root + "/run/checkpoint-500")
      #expect(try adapter.contentHash == hash(1.5))
    }
  }

  @Test func aFolderWithItsOwnComesFirst() throws {
    try folder(["run": 2, "run/checkpoint-500": 1.5]) { root in
      let adapter = try LoRAAdapter.load(root + "/run")
      #expect(adapter.path == root + "/run" && adapter.name == "run")
      #expect(try adapter.contentHash == hash(2))
    }
  }

  @Test func severalAreListed() throws {
    let names = ["checkpoint-500", "checkpoint-1000", "checkpoint-1500"]
    try folder(Dictionary(uniqueKeysWithValues: names.map { ("runs/" + $0, 1.5) })) { root in
      #expect(throws: AdapterError.severalAdapters(folder: root + "/runs", found: names)) {
        try LoRAAdapter.load(root + "/runs")
      }
      #expect(error(root + "/runs").hasSuffix("name one, such as \(root)/runs/checkpoint-1500"))
    }
    try folder(Dictionary(uniqueKeysWithValues: (10..<30).map { ("c-\($0)", 1.5) })) { root in
      #expect(error(root).contains("c-17 and 12 more; name one, such as \(root)/c-29"))
    }
  }

  /// A download of the hub: links to blobs, in a folder for each revision.
  @Test func aDownload() throws {
    try folder([:], ["models--me--my-sql/refs/main": "0123abc\n"]) { root in
      let model = root + "/models--me--my-sql"
      func add(_ revision: String, _ norm: Float) throws {
        let blobs = model + "/blobs-\(revision)", snapshot = model + "/snapshots/" + revision
        for folder in [blobs, snapshot] {
          try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        try AdapterFolder(norm: norm).write(to: URL(fileURLWithPath: blobs))
        for name in try FileManager.default.contentsOfDirectory(atPath: blobs) {
          try FileManager.default.moveItem(atPath: "\(blobs)/\(name)", toPath: "\(blobs)/x\(name)")
          try FileManager.default.createSymbolicLink(
            atPath: "\(snapshot)/\(name)", withDestinationPath: "../../blobs-\(revision)/x\(name)")
        }
        try FileManager.default.moveItem(atPath: blobs, toPath: model + "/blobs-\(revision).x")
        try FileManager.default.createSymbolicLink(
          atPath: blobs, withDestinationPath: "blobs-\(revision).x")
      }
      try add("0123abc", 1.5)
      for path in [model, model + "/snapshots", model + "/snapshots/0123abc"] {
        let adapter = try LoRAAdapter.load(path)
        #expect(adapter.name == "my-sql" && adapter.path == model + "/snapshots/0123abc")
      }
      // Of several revisions the one that is current.
      try add("ffff", 2)
      #expect(try LoRAAdapter.load(model).contentHash == hash(1.5))
      try Data("ffff".utf8).write(to: URL(fileURLWithPath: model + "/refs/main"))
      #expect(try LoRAAdapter.load(model).contentHash == hash(2))
      for reference in ["", "../..", "nothing", String(repeating: "f", count: 300)] {
        try Data(reference.utf8).write(to: URL(fileURLWithPath: model + "/refs/main"))
        #expect(
          throws: AdapterError.severalAdapters(folder: model, found: ["snapshots/ffff", "snapshots/0123abc"])
        ) { try LoRAAdapter.load(model) }
      }
      #expect(error(root).contains("this is a cache of downloads"))
    }
  }

  /// A folder with one GGUF file is as the file.
  @Test func aGGUFFileInAFolder() throws {
    let own = try ConformanceManifest.load("llama").adapterPath("lora")
    try folder(["peft/x": 1.5], ["gguf/README.md": "# x"]) { root in
      let file = root + "/gguf/adapter.gguf"
      try FileManager.default.copyItem(atPath: own, toPath: file)
      let adapter = try LoRAAdapter.load(root + "/gguf")
      #expect(adapter.path == file && adapter.architecture == "llama")
      try FileManager.default.copyItem(atPath: own, toPath: root + "/gguf/b.gguf")
      #expect(
        throws: AdapterError.severalAdapters(folder: root + "/gguf", found: ["b.gguf", "adapter.gguf"])
      ) { try LoRAAdapter.load(root + "/gguf") }
    }
  }

  private static let configuration = AdapterFolder.configuration

  @Test(
    arguments: [
      ([:], "", "adapter_config.json is missing; the folder is empty"),
      (["README.md": "# x"], "", "it holds only 'README.md'"),
      (["a": "", "b": "", "c": "", "d": "", "e": "", "f": ""], "", "'c', 'd' and 2 more"),
      (["config.json": "{}", "model.safetensors": ""], "", "its config.json is that of a whole model"),
      (["config.json": "{}", "model.safetensors": ""], "/model.safetensors", "that of a whole model"),
      (["adapter_model.safetensors": "x"], "", "adapter_model.safetensors is of no use without it"),
      (["adapter_model.safetensors": "x"], "/adapter_model.safetensors", "is of no use without it"),
      (["adapter_config.json": configuration], "", "the weights were not saved, or not downloaded"),
      (
        ["adapter_config.json": configuration], "/adapter_config.json",
        "adapter_model.safetensors is missing; the weights"
      ),
      (
        ["adapter_config.json": configuration, "adapter_model.bin": "PK\u{3}\u{4}"], "",
        "adapter_model.bin is a pickle, which is not read because it can run programs; load the adapter with PEFT"
      ),
      (
        ["adapter_config.json": configuration, "adapter_model.bin": "PK\u{3}\u{4}"], "/adapter_model.bin",
        "/adapter_model.bin: not an adapter: it is a pickle"
      ),
      (["lora.pt": "PK\u{3}\u{4}"], "/lora.pt", "it is a pickle"),
      (["lora.zip": "PK\u{3}\u{4}"], "/lora.zip", "it is a zip archive; unpack it and name the folder"),
      (
        ["adapter_config.json": configuration, "optimizer.pt": "PK\u{3}\u{4}"], "/optimizer.pt",
        "it lies beside one; name the folder, /"
      ),
      (["adapter_config.json": configuration, "README.md": "# x"], "/README.md", "it lies beside one"),
      (["README.md": "# hello"], "/README.md", "is not a GGUF file"),
      (
        [
          "adapter_config.json": configuration,
          "adapter_model.safetensors":
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        ], "",
        "adapter_model.safetensors: not the file itself, but a Git LFS pointer; fetch it with `git lfs pull`"
      ),
      (
        ["adapter_config.json": configuration, "adapter_model.safetensors": "<!DOCTYPE html><html></html>"],
        "",
        "but a web page"
      ),
      (
        ["adapter_config.json": configuration, "adapter_model.safetensors": "PK\u{3}\u{4}aaaaaaaaaaa"], "",
        "one that PyTorch pickled"
      ), (["adapter_config.json": configuration, "adapter_model.safetensors": ""], "", "is empty (0 bytes)"),
      (["adapter_config.json": "", "adapter_model.safetensors": ""], "", "adapter_config.json' is empty"),
      (
        ["adapter_config.json": "{\"fine_tune_type\": \"lora\"}", "adapters.safetensors": ""],
        "/adapters.safetensors", "adapters of kind MLX are not supported"
      ), ([:], "/nothing", "there is no such file"),
    ] as [([String: String], String, String)]) func oneSentence(
      _ files: [String: String], _ path: String, _ expected: String
    ) throws
  {
    try folder([:], files) { root in
      let message = error(root + path)
      #expect(message.contains(expected), "\(message)")
      #expect(!message.contains("\n"))
    }
  }

  @Test func aPointerForATokenizer() throws {
    try AdapterFolder(["tokenizer.json": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"])
      .with {
        #expect(error($0).contains("tokenizer.json: not the file itself, but a Git LFS pointer"))
      }
  }
}
