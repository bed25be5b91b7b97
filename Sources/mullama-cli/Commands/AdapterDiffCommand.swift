import ArgumentParser
import Mullama

/// `mullama adapter diff`: how two adapters differ.
struct AdapterDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Says how two adapters differ, tensor by tensor.",
    discussion: """
      mullama adapter diff yesterday today

      The difference is ‖Δ₁ - Δ₂‖ / max(‖Δ₁‖, ‖Δ₂‖) of what the adapters add to a matrix: 0 for the same, 1 and more for \
      different ones. The exit code is 0 if nothing differs by more than --tolerance, else 1.
      """)

  @Argument(help: "A LoRA adapter.")
  var first: String

  @Argument(help: "Another one.")
  var second: String

  @Option(help: "The GGUF model they are for; needed to compare a PEFT folder with a GGUF file.")
  var base: String?

  @Option(help: "Differences up to this count as none.")
  var tolerance = 1e-6

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard tolerance >= 0, tolerance.isFinite else {
      throw ValidationError("The value '\(tolerance)' of --tolerance is not a number from 0 on.")
    }
  }

  func run() throws {
    let adapters = try (LoRAAdapter.load(first), LoRAAdapter.load(second))
    let model = try base.map { try ModelArguments.load($0, options: ModelOptions(threads: 1)) }
    let lines = try adapters.0.differences(from: adapters.1, base: model)
    let isSame = lines.allSatisfy { ($0.relativeDifference ?? .infinity) <= tolerance }
    if json {
      let result: JSONValue = [
        "first": .string(first), "second": .string(second), "same": .bool(isSame),
        "tensors": .array(lines.map(Self.json)),
      ]
      OutputStream.results.writeLine(result.text)
    } else {
      OutputStream.results.write(text(lines, isSame))
    }
    if !isSame { throw ExitCode(1) }
  }

  private func text(_ lines: [LoRAAdapter.Difference], _ isSame: Bool) -> String {
    var table = Table([
      ("tensor", .left), ("what", .left), ("ranks", .right), ("norms", .right), ("difference", .right),
    ])
    for line in lines where (line.relativeDifference ?? .infinity) > tolerance {
      table.append(line.name, line.role, Self.ranks(line), Self.norms(line), Self.difference(line))
    }
    let count = lines.count { ($0.relativeDifference ?? .infinity) > tolerance }
    let summary =
      isSame
      ? "no difference in \(Wording.plural(lines.count, "change"))"
      : "\(count) of \(Wording.plural(lines.count, "change")) differ"
    return (table.isEmpty ? "" : table.text() + "\n") + summary + "\n"
  }

  private static func ranks(_ line: LoRAAdapter.Difference) -> String {
    let ranks = [line.first?.rank, line.second?.rank].compactMap { $0 }.map { "\($0)" }
    return Set(ranks).count == 1 ? ranks[0] : ranks.joined(separator: ", ")
  }

  private static func norms(_ line: LoRAAdapter.Difference) -> String {
    [line.first?.norm, line.second?.norm].compactMap { $0 }.map { Wording.fixed($0, 4) }
      .joined(separator: ", ")
  }

  private static func difference(_ line: LoRAAdapter.Difference) -> String {
    if line.first == nil { return "only second" }
    if line.second == nil { return "only first" }
    return line.relativeDifference.map { Wording.fixed($0, 6) } ?? "other shape"
  }

  private static func json(_ line: LoRAAdapter.Difference) -> JSONValue {
    func side(_ side: LoRAAdapter.Difference.Side?) -> JSONValue {
      .optional(side) { ["rank": .optional($0.rank) { .integer($0) }, "norm": .number($0.norm)] }
    }
    return [
      "name": .string(line.name), "what": .string(line.role), "first": side(line.first),
      "second": side(line.second),
      "relative_difference": .optional(line.relativeDifference) { .number($0) },
    ]
  }
}
