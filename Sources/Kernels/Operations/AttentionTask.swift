/// One parallel region: attention of a batch in one layer. An item is one key/value head's query heads for some
/// consecutive tokens of one sequence.
///
/// Where a sequence has so few tokens in the batch that they are one item, as in decoding, the item is split further, by
/// positions; the last part that is done merges all (Dao et al. 2023, "Flash-Decoding"). What is split, and where,
/// depends on the sequence alone: neither threads nor other sequences change a bit.
final class AttentionTask: PoolTask {
  /// Tokens of one sequence, consecutive in the batch.
  struct Span {
    var first: Int
    var count: Int
    var store: KVStore
    /// Positions of one part, which begin at multiples of it; nil: not split.
    fileprivate var partLength: Int?
    fileprivate var firstPart = 0
    fileprivate var parts = 1
    fileprivate var firstItem = 0
    /// Of the partial results, and the groups that they belong to, one for each key/value head.
    fileprivate var firstFloat = 0
    fileprivate var firstGroup = 0

    init(first: Int, count: Int, store: KVStore) {
      self.first = first
      self.count = count
      self.store = store
    }
  }

  /// Rows (tokens × query heads) of one item in prefill: enough to pay for unpacking a block of keys.
  private static let rows = 96
  /// Positions of one part for one token: some microseconds of work, and 64 KiB for heads of 64 values.
  private static let partPositions = 256

  private let table: KernelTable
  private let scratch: WorkerScratch
  /// What the scratch memory is made for.
  private let maximumRows: Int
  private let maximumHeadSize: Int
  private var spans: [Span] = []
  private var partials: AttentionPartials?
  private var heads = 1
  private var call: AttentionCall
  private var layer = 0
  private var kvHeads = 1
  private(set) var itemCount = 0

  @available(*, unavailable)
  override init() { preconditionFailure("a task needs its table and scratch memory") }

  private static func tokensPerItem(heads: Int) -> Int { max(1, rows / heads) }

  /// Rows of an item, at most.
  static func rowsPerItem(heads: Int) -> Int { max(rows, heads) }

  init(table: KernelTable, scratch: WorkerScratch, rows: Int, headSize: Int) {
    self.table = table
    self.scratch = scratch
    maximumRows = rows
    maximumHeadSize = headSize
    let empty = UnsafeMutablePointer<Float>(bitPattern: 64)!
    let numbers = UnsafeMutablePointer<Int32>(bitPattern: 64)!
    call = AttentionCall(
      queries: empty, output: empty, stride: 0, tokens: 0, heads: 0, headSize: 0, keys: empty, values: empty,
      areHalves: true, firsts: numbers, limits: numbers, begin: 0, end: 0, scale: 1, softcap: 0,
      partials: nil)
  }

  /// Splits sequences into items; done once for a batch.
  func setSpans(_ count: Int, heads: Int, _ span: (Int) -> Span) {
    spans.removeAll(keepingCapacity: true)
    self.heads = heads
    let size = Self.tokensPerItem(heads: heads)
    for i in 0..<count {
      let whole = span(i)
      var first = 0
      while first < whole.count {
        let tokens = min(size, whole.count - first)
        spans.append(Span(first: whole.first + first, count: tokens, store: whole.store))
        if tokens == whole.count {
          spans[spans.count - 1].partLength = Self.partPositions * Self.powerOfTwo(notBelow: tokens)
        }
        first += tokens
      }
    }
    // Later tokens see more positions: longest items first.
    spans.reverse()
  }

  private static func powerOfTwo(notBelow x: Int) -> Int { 1 << (Int.bitWidth - (x - 1).leadingZeroBitCount) }

  /// Traps where a kernel would read or write outside of a store or of scratch memory.
  func prepare(_ call: AttentionCall, layer: Int, kvHeads: Int) {
    precondition(
      call.heads == heads && Self.rowsPerItem(heads: heads) <= maximumRows && call.headSize <= maximumHeadSize
    )
    var floats = 0, most = 0, groups = 0
    itemCount = 0
    for index in spans.indices {
      let span = spans[index], store = span.store
      precondition(
        layer >= 0 && layer < store.layers && kvHeads == store.heads && call.headSize == store.headSize)
      var begin = store.capacity, end = 0
      for row in span.first..<span.first + span.count {
        precondition(
          call.firsts[row] >= 0 && Int(call.limits[row]) <= store.capacity, "a row sees beyond its store")
        if call.firsts[row] < call.limits[row] {
          begin = min(begin, Int(call.firsts[row]))
          end = max(end, Int(call.limits[row]))
        }
      }
      spans[index].firstItem = itemCount
      spans[index].firstFloat = floats
      spans[index].firstGroup = groups
      spans[index].parts = 1
      if let length = span.partLength {
        let record = kvHeads * span.count * heads * (call.headSize + 2)
        if begin < end {
          spans[index].firstPart = begin / length
          spans[index].parts = (end - 1) / length - begin / length + 1
        }
        floats += record * spans[index].parts
        // Room for a full store, so that decoding never allocates.
        most += record * ((store.capacity + length - 1) / length)
        groups += kvHeads
      }
      itemCount += spans[index].parts * kvHeads
    }
    if groups > (partials?.groupCount ?? 0) || floats > (partials?.floatCount ?? 0) {
      partials = AttentionPartials(floats: most, groups: groups)
    }
    self.call = call
    self.layer = layer
    self.kvHeads = kvHeads
  }

  override func run(item: Int, worker: Int) {
    var index = 0, after = spans.count
    while index + 1 < after {
      let middle = (index + after) / 2
      if spans[middle].firstItem <= item { index = middle } else { after = middle }
    }
    let span = spans[index]
    let head = (item - span.firstItem) / span.parts, part = (item - span.firstItem) % span.parts
    var work = call
    let offset = span.first * call.stride + head * call.heads * call.headSize
    work.queries = call.queries + offset
    work.output = call.output + offset
    work.tokens = span.count
    work.keys = UnsafeRawPointer(span.store.keys(layer: layer, head: head))
    work.values = UnsafeRawPointer(span.store.values(layer: layer, head: head))
    work.areHalves = span.store.areHalves
    work.firsts = call.firsts + span.first
    work.limits = call.limits + span.first
    work.begin = 0
    work.end = span.store.capacity
    guard span.parts > 1, let length = span.partLength, let partials else {
      table.attend(work, scratch.base(worker))
      return
    }
    let record = span.count * call.heads * (call.headSize + 2)
    let results = partials.base + span.firstFloat + head * span.parts * record
    work.begin = (span.firstPart + part) * length
    work.end = min(work.end, work.begin + length)
    work.partials = results + part * record
    table.attend(work, scratch.base(worker))
    if partials.finishPart(of: span.firstGroup + head, parts: span.parts) {
      table.mergeAttention(work, results, span.parts)
    }
  }
}
