import ArgumentParser

/// `mullama adapter`: what can be done with adapters alone.
struct AdapterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapter",
    abstract: "Looks at LoRA adapters, converts, compares and merges them.",
    discussion: "mullama adapter check style.gguf --base model.gguf",
    subcommands: [
      AdapterInspectCommand.self, AdapterCheckCommand.self, AdapterConvertCommand.self,
      AdapterMergeCommand.self, AdapterDiffCommand.self,
    ])
}
