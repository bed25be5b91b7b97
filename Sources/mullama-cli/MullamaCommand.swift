import ArgumentParser

/// `mullama`: the commands, one file each in `Commands`. A new one is a file and a line here.
struct MullamaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mullama",
    abstract: "Runs GGUF language models, with LoRA adapters applied at run time.",
    discussion: """
      mullama run model.gguf "Say hello." --lora style.gguf --lora-scale 0.8

      MULLAMA_KERNELS chooses the kernels (portable, x86-64-v3); by default the processor does.
      """,
    version: "0.1.0",
    subcommands: [
      RunCommand.self, LogitsCommand.self, TokenizeCommand.self, PerplexityCommand.self, InspectCommand.self,
      AdapterCommand.self, BenchCommand.self,
    ])
}
