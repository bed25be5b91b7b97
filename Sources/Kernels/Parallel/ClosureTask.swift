/// Work given as a closure, for rows and whatever else has no task class of its own.
package final class ClosureTask: PoolTask {
  /// Called with each item and the worker that does it; nil: nothing to do.
  package var body: ((_ item: Int, _ worker: Int) -> Void)?

  override func run(item: Int, worker: Int) { body?(item, worker) }
}
