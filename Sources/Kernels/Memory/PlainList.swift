/// A list of numbers and addresses that is filled by one thread and then read by many.
///
/// Reading an element counts no references, which threads that share a counter would feel. Once it has grown, filling
/// it again allocates nothing.
final class PlainList<Element>: @unchecked Sendable {
  // @unchecked: filled between parallel regions, only read within them.
  private var base: UnsafeMutablePointer<Element>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int) {
    precondition(_isPOD(Element.self))
    self.capacity = max(1, capacity)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  func removeAll() { count = 0 }

  func append(_ element: Element) {
    if count == capacity {
      let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * capacity)
      larger.moveInitialize(from: base, count: count)
      base.deallocate()
      base = larger
      capacity *= 2
    }
    (base + count).initialize(to: element)
    count += 1
  }

  func sort(by areInOrder: (Element, Element) -> Bool) {
    var elements = UnsafeMutableBufferPointer(start: base, count: count)
    elements.sort(by: areInOrder)
  }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      assert(index >= 0 && index < count)
      return base[index]
    }
    @inline(__always) set {
      assert(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  /// Its elements, for as long as the list lives and nothing is appended: a copy counts no reference.
  struct View {
    fileprivate let base: UnsafePointer<Element>

    subscript(index: Int) -> Element { @inline(__always) get { base[index] } }
  }

  var view: View { View(base: base) }

  /// Where an element, or the one that would be appended next, lies; as long as nothing is appended.
  func address(of index: Int) -> UnsafePointer<Element> {
    assert(index >= 0 && index <= count)
    return UnsafePointer(base + index)
  }
}
