import Mullama

extension BenchReport {
  /// For people: tables.
  var text: String {
    var head = Table(alignments: [.left, .left])
    head.append("model", model.path)
    head.append(
      "computed",
      "\(model.architecture), \(model.kernels) kernels, \(Wording.plural(model.threadCount, "thread"))")
    head.append("adapters", Answer.list(model.adapters))
    if plan.depth > 0 { head.append("depth", "\(plan.depth) tokens in the cache before the prompt") }
    return head.text() + "\n" + speeds.text() + "\n" + details.text()
  }

  private var speeds: Table {
    let hasBase = results.contains { $0.baseSpeed != nil }
    var columns: [(title: String, alignment: Table.Alignment)] = [
      ("test", .left), ("sequences", .right), ("tokens", .right), ("tokens/s", .right), ("least", .right),
      ("largest", .right),
    ]
    if hasBase { columns += [("base", .right), ("kept", .right)] }
    columns.append(("weights", .right))
    var table = Table(columns)
    for result in results {
      var cells = [
        result.name, "\(result.batch)", "\(result.tokens)", Wording.fixed(result.speed.median, 2),
        Wording.fixed(result.speed.minimum, 2), Wording.fixed(result.speed.maximum, 2),
      ]
      if hasBase {
        cells.append(result.baseSpeed.map { Wording.fixed($0.median, 2) } ?? "")
        cells.append(result.kept.map(Self.part) ?? "")
      }
      cells.append(weightSpeed(result).map(Self.gigabytes) ?? "")
      table.append(cells)
    }
    return table
  }

  private var details: Table {
    var table = Table(alignments: [.left, .right])
    table.append("load", Wording.seconds(loadSeconds))
    table.append("load to first token, warm", Wording.seconds(warmStart))
    table.append("prompt to first token", Wording.seconds(firstToken))
    if let weightSpeed {
      table.append("weights read in decode", Self.gigabytes(weightSpeed))
      table.append("memory read by these threads", Self.gigabytes(bandwidth))
      table.append("part of that used", Self.percent(weightSpeed / bandwidth))
    }
    table.append("weights of a token", Wording.bytes(model.weightBytesPerToken))
    if let peak = memory.peak { table.append("peak resident", Wording.bytes(peak)) }
    if let anonymous = memory.anonymous { table.append("resident beside the file", Wording.bytes(anonymous)) }
    table.append("keys and values", Wording.bytes(cacheBytes))
    if let workingBytes { table.append("beside both", Wording.bytes(workingBytes)) }
    if let adapterTimes {
      table.append("adapters' files", Wording.bytes(adapterTimes.byteCount))
      if let memory = adapterTimes.memory { table.append("adapters in memory", Wording.bytes(memory)) }
      table.append("load adapters", Wording.seconds(adapterTimes.load))
      table.append("bind adapters first", Wording.seconds(adapterTimes.firstBind))
      table.append("bind adapters again", Wording.seconds(adapterTimes.bind))
      table.append("switch an adapter", Wording.seconds(adapterTimes.switching))
      table.append("change a scale", Wording.seconds(adapterTimes.scaleChange))
    }
    return table
  }

  /// The mean and its standard error.
  private static func part(_ kept: Samples) -> String {
    let error = kept.standardError.map { " ± " + Wording.fixed(100 * $0, 1) } ?? ""
    return Wording.fixed(100 * kept.mean, 1) + error + " %"
  }

  private static func percent(_ part: Double) -> String { Wording.fixed(100 * part, 1) + " %" }

  private static func gigabytes(_ bytesPerSecond: Double) -> String {
    Wording.fixed(bytesPerSecond / 1e9, 2) + " GB/s"
  }

  /// For programs: one object.
  var json: JSONValue {
    [
      "model": .string(model.path),
      "architecture": .string(model.architecture),
      "kernels": .string(model.kernels),
      "threads": .integer(model.threadCount),
      "depth": .integer(plan.depth),
      "load_seconds": .seconds(loadSeconds),
      "results": .array(results.map(json)),
      "time_to_first_token_seconds": .seconds(firstToken),
      "load_to_first_token_seconds": .seconds(warmStart),
      "weights_bytes": .integer(model.weightBytesPerToken),
      "weights_gigabytes_per_second": .optional(weightSpeed) { .rate($0 / 1e9) },
      "read_gigabytes_per_second": .rate(bandwidth / 1e9),
      "bandwidth_used": .optional(weightSpeed) { .rate($0 / bandwidth) },
      "peak_resident_bytes": .optional(memory.peak) { .integer($0) },
      "anonymous_resident_bytes": .optional(memory.anonymous) { .integer($0) },
      "kv_bytes": .integer(cacheBytes),
      "working_bytes": .optional(workingBytes) { .integer($0) },
      "adapter_bytes": .optional(adapterTimes) { .integer($0.byteCount) },
      "adapter_memory_bytes": .optional(adapterTimes?.memory) { .integer($0) },
      "adapter_load_seconds": .optional(adapterTimes) { .number($0.load) },
      "adapter_first_bind_seconds": .optional(adapterTimes) { .number($0.firstBind) },
      "adapter_bind_seconds": .optional(adapterTimes) { .number($0.bind) },
      "adapter_switch_seconds": .optional(adapterTimes) { .number($0.switching) },
      "scale_change_seconds": .optional(adapterTimes) { .number($0.scaleChange) },
      "adapters": Answer.json(model.adapters),
    ]
  }

  private func json(_ result: Result) -> JSONValue {
    func rates(_ samples: Samples) -> JSONValue { .array(samples.values.map { .rate($0) }) }
    return [
      "name": .string(result.name), "batch": .integer(result.batch), "tokens": .integer(result.tokens),
      "tokens_per_second": .rate(result.speed.median), "minimum": .rate(result.speed.minimum),
      "maximum": .rate(result.speed.maximum), "samples": rates(result.speed),
      "base_tokens_per_second": .optional(result.baseSpeed) { .rate($0.median) },
      "base_samples": .optional(result.baseSpeed, rates),
      "kept": .optional(result.kept) { .part($0.mean) },
      "kept_standard_error": .optional(result.kept?.standardError) { .part($0) },
      "weights_gigabytes_per_second": .optional(weightSpeed(result)) { .rate($0 / 1e9) },
    ]
  }
}
