import Mullama

/// What `bench` found.
struct BenchReport {
  /// One row of the table.
  struct Result {
    /// `prefill` or `decode`
    let name: String
    /// Sequences at once.
    let batch: Int
    /// Of all sequences together.
    let tokens: Int
    /// Tokens per second of all sequences, with the model's adapters if it has any.
    let speed: Samples
    /// The same without adapters; nil: there are none.
    let baseSpeed: Samples?
    /// What the adapters leave of the base model's speed, measured in turns.
    let kept: Samples?

    /// Passes over the weights in a second, adapters or not: the base model's where it was measured.
    var passes: Double { (baseSpeed ?? speed).median / Double(batch) }
  }

  let model: Model
  let plan: BenchPlan
  let loadSeconds: Double
  let results: [Result]
  /// Of the prompt, with the model loaded.
  let firstToken: Double
  /// From the path on.
  let warmStart: Double
  let cacheBytes: Int
  let memory: ProcessMemory
  /// Bytes per second that the same threads read when they do nothing else: the best pass.
  let bandwidth: Double
  let adapterTimes: AdapterTimes?

  init(
    _ model: Model, loadSeconds: Double, _ measurement: BenchMeasurement, warmStart: Double,
    bandwidth: Double,
    adapterTimes: AdapterTimes?
  ) throws {
    self.model = model
    self.loadSeconds = loadSeconds
    self.warmStart = warmStart
    self.bandwidth = bandwidth
    self.adapterTimes = adapterTimes
    plan = measurement.plan
    let plan = plan, rounds = measurement.rounds, base = measurement.baseRounds
    func result(
      _ name: String, batch: Int, tokens: Int, kept: [Double],
      _ seconds: (BenchMeasurement.Round) -> Double
    ) -> Result {
      func speed(_ rounds: [BenchMeasurement.Round]) -> Samples {
        Samples(rounds.map { Double(tokens) / seconds($0) })
      }
      return Result(
        name: name, batch: batch, tokens: tokens, speed: speed(rounds),
        baseSpeed: base.isEmpty ? nil : speed(base), kept: kept.isEmpty ? nil : Samples(kept))
    }
    var results = [
      result("prefill", batch: 1, tokens: plan.prompt, kept: measurement.prefillKept, \.prefill)
    ]
    if plan.generate > 0 {
      for (index, batch) in plan.batches.enumerated() {
        results.append(
          result(
            "decode", batch: batch, tokens: batch * plan.generate, kept: measurement.decodeKept[index]
          ) { $0.decode[index] })
      }
    }
    self.results = results
    firstToken = Samples(rounds.map(\.firstToken)).median
    cacheBytes = measurement.cacheByteCount
    memory = measurement.memory
  }

  /// Bytes of weights that a decode of this result reads per second.
  func weightSpeed(_ result: Result) -> Double? {
    result.name == "decode" ? result.passes * Double(model.weightBytesPerToken) : nil
  }

  /// The weights' bytes per second when one sequence (or as few as were measured) is decoded.
  var weightSpeed: Double? {
    results.filter { $0.name == "decode" }.min { $0.batch < $1.batch }.flatMap(weightSpeed)
  }

  /// Resident bytes that are neither the mapped file nor keys and values.
  var workingBytes: Int? { memory.anonymous.map { max(0, $0 - cacheBytes) } }
}
