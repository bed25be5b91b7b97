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

  /// Calls `body` with each item, and the worker that does it, on all threads; returns when all are done.
  package func forEach(_ count: Int, _ body: (_ item: Int, _ worker: Int) -> Void) {
    let task = ClosureTask()
    withoutActuallyEscaping(body) { escaping in
      task.body = escaping
      pool.run(task, items: count)
      task.body = nil
    }
  }
}
