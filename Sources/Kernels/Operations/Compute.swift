/// The kernels and threads that a model runs on: chosen once, shared by all its contexts.
package final class Compute: Sendable {
  package let table: KernelTable
  package let pool: WorkerPool

  /// `threads` nil: the cores this process may use.
  package init(table: KernelTable, threads: Int?) {
    _ = KernelTable.limitBLASThreads
    self.table = table
    pool = WorkerPool(threads: min(256, max(1, threads ?? Processor.availableCores)))
  }

  /// Calls `body` with each item on all threads; returns when all are done.
  package func forEach(_ count: Int, _ body: (Int) -> Void) {
    let task = ClosureTask()
    withoutActuallyEscaping(body) { escaping in
      task.body = { item, _ in escaping(item) }
      pool.run(task, items: count)
      task.body = nil
    }
  }
}
