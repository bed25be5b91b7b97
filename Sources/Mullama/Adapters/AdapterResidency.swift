/// A named adapter: what it costs, whether it is in memory, and how much it is used.
public struct AdapterResidency: Sendable {
  public let name: String
  /// Where it was read, and is read again after an eviction.
  public let path: String
  /// What that file has to contain then.
  public let contentHash: String
  /// Another number after each change of the entry: what `expecting:` of `LoRAManager` compares.
  public let generation: Int
  /// nil: registered, but not applied.
  public let scale: Float?
  /// Whether its factors are in memory: mapped, and every value of them checked.
  public let isResident: Bool
  public let isPinned: Bool
  /// Bytes of its factors, in memory or not.
  public let byteCount: Int
  /// Smallest and largest rank of its factor pairs.
  public let ranks: ClosedRange<Int>
  /// Base tensors it changes.
  public let sites: Int
  /// Contexts and requests that were made with it, and those of them that have not ended.
  public let contexts: Int
  public let runningContexts: Int
  /// Generations that began in them.
  public let generations: Int
  /// When a context or generation with it began or ended last, or when it came.
  public let lastUse: ContinuousClock.Instant

  init(_ entry: AdapterRegistry.Entry) {
    let counts = entry.usage.counts
    name = entry.name
    path = entry.origin.path
    contentHash = entry.origin.contentHash
    generation = entry.generation
    scale = entry.scale
    isResident = entry.adapter != nil
    isPinned = entry.isPinned
    byteCount = entry.origin.byteCount
    ranks = entry.origin.ranks
    sites = entry.origin.sites
    contexts = counts.contexts
    runningContexts = counts.running
    generations = counts.generations
    lastUse = counts.lastUse
  }
}
