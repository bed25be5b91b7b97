import Mullama

/// How long changes of a model's adapters take, in seconds: medians of some repetitions.
struct AdapterTimes {
  /// Applying all of them to the model, which has none.
  let bind: Double
  /// Taking one that is loaded away and putting it back.
  let switching: Double
  let scaleChange: Double

  private static let repetitions = 51

  /// nil for a model without adapters. The model's adapters are as before afterwards.
  init?(_ model: Model) throws {
    let applied = model.adapters
    guard let first = applied.first else { return nil }
    let manager = LoRAManager(model)
    func median(_ body: () throws -> Void) throws -> Double {
      var samples: [Double] = []
      for _ in 0..<Self.repetitions {
        let start = ContinuousClock.now
        try body()
        samples.append((ContinuousClock.now - start).seconds)
      }
      return Samples(samples).median
    }
    var isHalved = false
    scaleChange = try median {
      isHalved.toggle()
      try manager.setScale(isHalved ? first.scale / 2 : first.scale, of: first.name)
    }
    switching = try median {
      try manager.remove(first.name)
      try manager.add(first.adapter, scale: first.scale, name: first.name)
    }
    func restore() throws {
      manager.removeAll()
      for entry in applied { try manager.add(entry.adapter, scale: entry.scale, name: entry.name) }
    }
    bind = try median(restore)
  }
}
