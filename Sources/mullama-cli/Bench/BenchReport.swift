import Mullama

/// What `bench` found, for people and for programs.
struct BenchReport {
  private struct Result {
    let name: String
    let tokens: Int
    let speed: Samples
  }

  private let model: Model
  private let loadSeconds: Double
  private let results: [Result]
  private let firstToken: Double
  private let cacheBytes: Int
  private let memory: ProcessMemory
  private let adapterTimes: AdapterTimes?

  init(_ model: Model, loadSeconds: Double, _ measurement: BenchMeasurement) throws {
    self.model = model
    self.loadSeconds = loadSeconds
    let rounds = measurement.rounds
    var results = [
      Result(
        name: "prefill", tokens: measurement.promptCount,
        speed: Samples(rounds.map { Double(measurement.promptCount) / $0.prefill }))
    ]
    if measurement.generateCount > 0 {
      results.append(
        Result(
          name: "decode", tokens: measurement.generateCount,
          speed: Samples(rounds.map { Double(measurement.generateCount) / $0.decode })))
    }
    self.results = results
    firstToken = Samples(rounds.map(\.firstToken)).median
    cacheBytes = measurement.cacheByteCount
    memory = .current()
    adapterTimes = try AdapterTimes(model)
  }

  /// Bytes of weights that decoding reads per second, in units of 10⁹; nil where nothing was decoded.
  private var weightSpeed: Double? {
    results.first { $0.name == "decode" }.map { $0.speed.median * Double(model.weightBytesPerToken) / 1e9 }
  }

  var text: String {
    var head = Table(alignments: [.left, .left])
    head.append("model", model.path)
    head.append(
      "computed",
      "\(model.architecture), \(model.kernels) kernels, \(Wording.plural(model.threadCount, "thread"))")
    head.append("adapters", Answer.list(model.adapters))
    var speeds = Table([
      ("test", .left), ("tokens", .right), ("tokens/s", .right), ("least", .right), ("largest", .right),
    ])
    for result in results {
      speeds.append(
        result.name, "\(result.tokens)", Wording.fixed(result.speed.median, 2),
        Wording.fixed(result.speed.minimum, 2),
        Wording.fixed(result.speed.maximum, 2))
    }
    return head.text() + "\n" + speeds.text() + "\n" + details.text()
  }

  private var details: Table {
    var table = Table(alignments: [.left, .right])
    table.append("load", Wording.seconds(loadSeconds))
    table.append("first token", Wording.seconds(firstToken))
    if let weightSpeed { table.append("weights read in decode", Wording.fixed(weightSpeed, 2) + " GB/s") }
    table.append("weights of a token", Wording.bytes(model.weightBytesPerToken))
    if let peak = memory.peak { table.append("peak resident", Wording.bytes(peak)) }
    if let anonymous = memory.anonymous { table.append("resident beside the file", Wording.bytes(anonymous)) }
    table.append("keys and values", Wording.bytes(cacheBytes))
    if let adapterTimes {
      table.append("bind adapters", Wording.seconds(adapterTimes.bind))
      table.append("switch an adapter", Wording.seconds(adapterTimes.switching))
      table.append("change a scale", Wording.seconds(adapterTimes.scaleChange))
    }
    return table
  }

  var json: JSONValue {
    [
      "model": .string(model.path),
      "architecture": .string(model.architecture),
      "kernels": .string(model.kernels),
      "threads": .integer(model.threadCount),
      "load_seconds": .seconds(loadSeconds),
      "results": .array(
        results.map { result in
          [
            "name": .string(result.name), "tokens": .integer(result.tokens),
            "tokens_per_second": .rate(result.speed.median), "minimum": .rate(result.speed.minimum),
            "maximum": .rate(result.speed.maximum), "samples": .array(result.speed.values.map { .rate($0) }),
          ]
        }),
      "time_to_first_token_seconds": .seconds(firstToken),
      "weights_bytes": .integer(model.weightBytesPerToken),
      "weights_gigabytes_per_second": .optional(weightSpeed) { .rate($0) },
      "peak_resident_bytes": .optional(memory.peak) { .integer($0) },
      "anonymous_resident_bytes": .optional(memory.anonymous) { .integer($0) },
      "kv_bytes": .integer(cacheBytes),
      "adapter_bind_seconds": .optional(adapterTimes) { .number($0.bind) },
      "adapter_switch_seconds": .optional(adapterTimes) { .number($0.switching) },
      "scale_change_seconds": .optional(adapterTimes) { .number($0.scaleChange) },
      "adapters": Answer.json(model.adapters),
    ]
  }
}
