/// A value handed to a chat template: what JSON can say, with integers apart and object keys in order.
package indirect enum TemplateValue: Sendable, Equatable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([TemplateValue])
  case object(TemplateObject)
}

/// Keys and values in the order given, which is the order a template lists and serialises them.
package struct TemplateObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  package struct Entry: Sendable, Equatable {
    package var key: String
    package var value: TemplateValue
  }

  package private(set) var entries: [Entry]

  /// A key that comes again replaces the earlier value in its place, as in Python.
  package init(_ pairs: some Sequence<(String, TemplateValue)>) {
    entries = []
    var places: [TextKey: Int] = [:]
    for (key, value) in pairs {
      if let place = places[TextKey(text: key)] {
        entries[place].value = value
      } else {
        places[TextKey(text: key)] = entries.count
        entries.append(Entry(key: key, value: value))
      }
    }
  }

  package init(dictionaryLiteral elements: (String, TemplateValue)...) {
    self.init(elements)
  }

  package subscript(key: String) -> TemplateValue? {
    entries.first { $0.key.isSame(as: key) }?.value
  }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByFloatLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int) { self = .int(value) }
  package init(floatLiteral value: Double) { self = .double(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, TemplateValue)...) {
    self = .object(TemplateObject(elements))
  }
}
