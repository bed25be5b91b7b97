import ArgumentParser
import Mullama

/// `mullama adapter check`: does an adapter fit a model?
struct AdapterCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Says whether an adapter fits a model, and all that does not.",
    discussion: """
      mullama adapter check style.gguf --base model.gguf

      The exit code is 0 if it fits, else 1.
      """)

  @Argument(help: "Path of a LoRA adapter.")
  var adapter: String

  @Option(help: "Path of the GGUF model.")
  var base: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let adapter = try LoRAAdapter.load(self.adapter)
    let model = try ModelArguments.load(base, options: ModelOptions(threads: 1))
    let fit = adapter.fit(to: model)
    let problems = fit.problems, added = fit.addedTokens
    if json {
      let result: JSONValue = [
        "adapter": .string(adapter.path), "base": .string(model.path), "fits": .bool(problems.isEmpty),
        "targets": .integer(adapter.targets.count),
        "added_tokens": .array(added.map { .string($0) }),
        "template": .string(fit.template.rawValue),
        "problems": .array(problems.map { .string($0.description) }),
      ]
      OutputStream.results.writeLine(result.text)
    } else if problems.isEmpty {
      let tensors = Wording.plural(adapter.targets.count, "tensor")
      OutputStream.results.writeLine(
        Wording.printable("\(adapter.path) fits \(model.path): it changes \(tensors)"))
      if !added.isEmpty {
        OutputStream.results.writeLine(
          "  it adds \(Wording.plural(added.count, "token")): "
            + Wording.printable(added.prefix(20).joined(separator: " ")) + (added.count > 20 ? " …" : ""))
      }
    } else {
      let problem = Wording.plural(problems.count, "problem")
      OutputStream.results.writeLine(
        Wording.printable("\(adapter.path) does not fit \(model.path): \(problem)"))
      for problem in problems {
        OutputStream.results.writeLine("  " + Wording.printable(problem.description))
      }
    }
    if !json, let line = template(fit.template, adapter) { OutputStream.results.writeLine("  " + line) }
    if !problems.isEmpty { throw ExitCode(1) }
  }

  private func template(_ fit: LoRAAdapter.Fit.Template, _ adapter: LoRAAdapter) -> String? {
    guard let template = adapter.chatTemplate else { return nil }
    let words =
      switch fit {
      case .none, .same: "makes the same prompts as the model's"
      case .onlyHere: "is used for prompts, since the model has none"
      case .other: "makes other prompts than the model's, which is used unless --template adapter is given"
      case .unusable: "cannot be used: " + (template.problem.map { "\($0)" } ?? "")
      }
    return Wording.printable("its chat template (\(template.file)) \(words)")
  }
}
