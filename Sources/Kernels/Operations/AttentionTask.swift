/// One parallel region: attention of a batch in one layer. An item is one key/value head's query heads for some
/// consecutive tokens of one sequence.
final class AttentionTask: PoolTask {
  /// Tokens of one sequence, consecutive in the batch.
  struct Span {
    var first: Int
    var count: Int
    var store: KVStore
  }

  /// Rows (tokens × query heads) of one item in prefill: enough to pay for unpacking a block of keys.
  private static let rows = 96

  private let table: KernelTable
  private let scratch: WorkerScratch
  /// What the scratch memory is made for.
  private let maximumRows: Int
  private let maximumHeadSize: Int
  private var spans: [Span] = []
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
      areHalves: true, firsts: numbers, limits: numbers, scale: 1, softcap: 0)
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
        first += tokens
      }
    }
  }

  /// Traps where a kernel would read or write outside of a store or of scratch memory.
  func prepare(_ call: AttentionCall, layer: Int, kvHeads: Int) {
    precondition(
      call.heads == heads && Self.rowsPerItem(heads: heads) <= maximumRows && call.headSize <= maximumHeadSize
    )
    for span in spans {
      let store = span.store
      precondition(
        layer >= 0 && layer < store.layers && kvHeads == store.heads && call.headSize == store.headSize)
      for row in span.first..<span.first + span.count {
        precondition(
          call.firsts[row] >= 0 && Int(call.limits[row]) <= store.capacity, "a row sees beyond its store")
      }
    }
    self.call = call
    self.layer = layer
    self.kvHeads = kvHeads
    itemCount = spans.count * kvHeads
  }

  override func run(item: Int, worker: Int) {
    // Later tokens see more positions: longest items first.
    let index = spans.count - 1 - item / kvHeads
    let head = item % kvHeads
    let store = spans[index].store
    let first = spans[index].first
    var part = call
    let offset = first * call.stride + head * call.heads * call.headSize
    part.queries = call.queries + offset
    part.output = call.output + offset
    part.tokens = spans[index].count
    part.keys = UnsafeRawPointer(store.keys(layer: layer, head: head))
    part.values = UnsafeRawPointer(store.values(layer: layer, head: head))
    part.areHalves = store.areHalves
    part.firsts = call.firsts + first
    part.limits = call.limits + first
    table.attend(part, scratch.base(worker))
  }
}
