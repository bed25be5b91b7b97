extension Interpreter {
  /// A stable merge sort whose comparison may throw. Python sorts stably too, and compares with `<` only.
  func sorted<Element>(
    _ items: [Element],
    by precedes: (Element, Element) throws(ChatTemplateError) -> Bool
  ) throws(ChatTemplateError) -> [Element] {
    try charge(items.count)
    var source = items
    var target = items
    var width = 1
    while width < source.count {
      var start = 0
      while start < source.count {
        let middle = min(start + width, source.count)
        let end = min(start + 2 * width, source.count)
        var (left, right) = (start, middle)
        for place in start..<end {
          let takesRight: Bool
          if left == middle {
            takesRight = true
          } else if right == end {
            takesRight = false
          } else {
            takesRight = try precedes(source[right], source[left])
          }
          target[place] = source[takesRight ? right : left]
          if takesRight { right += 1 } else { left += 1 }
        }
        start = end
      }
      swap(&source, &target)
      width *= 2
    }
    return source
  }

  /// `values` in the order of their keys; `reverse` keeps equal ones in their order, as Python does.
  func sorted(
    _ values: [RuntimeValue], keys: [RuntimeValue], reverse: Bool
  ) throws(ChatTemplateError) -> [RuntimeValue] {
    let order = try sorted(Array(values.indices)) { (a, b) throws(ChatTemplateError) in
      reverse ? try isLess(keys[b], keys[a]) : try isLess(keys[a], keys[b])
    }
    return order.map { values[$0] }
  }
}
