/// Work that a `WorkerPool` splits into independent items.
///
/// A class, made once and used again, so that starting a parallel region allocates nothing.
package class PoolTask {
  package init() {}

  /// Does item `item`; `worker` (0 ..< the pool's thread count) owns its scratch memory for the call.
  func run(item: Int, worker: Int) {
    preconditionFailure("a PoolTask must override run(item:worker:)")
  }

  /// Does items that were claimed together, of the leading ones just one: each by itself, unless a task overrides this.
  func run(items: Range<Int>, worker: Int) {
    for item in items { run(item: item, worker: worker) }
  }
}
