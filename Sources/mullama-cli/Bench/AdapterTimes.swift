import Foundation
import Mullama

/// What adapters take: memory, and how many seconds from their files to a model that has them, and then medians of some changes.
///
/// Nothing else may use the model: a set of adapters that somebody uses is not bound anew.
struct AdapterTimes {
  /// Of all adapters' files.
  let byteCount: Int
  /// Resident bytes that came with loading and applying them, pages of their files included; nil where the system does not tell.
  let memory: Int?
  /// Reading and checking the files, which stay mapped.
  let load: Double
  /// Applying all of them for the first time: with norms over the model's weights where they are DoRA.
  let firstBind: Double
  /// Applying all of them to the model, which has none.
  let bind: Double
  /// Taking one that is loaded away and putting it back.
  let switching: Double
  let scaleChange: Double

  private static let repetitions = 51

  /// Loads and applies the adapters, and leaves the model with them; nil: there are none.
  init?(_ arguments: AdapterArguments, _ model: Model) throws {
    if arguments.choices.isEmpty { return nil }
    let before = ProcessMemory.current().anonymous
    let start = ContinuousClock.now
    let adapters = try arguments.load()
    let loaded = ContinuousClock.now
    try arguments.apply(adapters, to: model)
    firstBind = (ContinuousClock.now - loaded).seconds
    load = (loaded - start).seconds
    let paths = adapters.map { URL(fileURLWithPath: $0.path).resolvingSymlinksInPath().path }
    memory = before.flatMap { old in
      ProcessMemory.current().anonymous.map {
        max(0, $0 - old) + (ProcessMemory.resident(of: paths) ?? 0)
      }
    }
    byteCount = adapters.reduce(0) { $0 + $1.byteCount }
    let applied = model.adapters, first = applied[0]
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
    // Their order too is as before, at the scales that were asked for.
    try restore()
  }
}
