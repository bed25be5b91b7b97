/// A filter: `value | name(arguments)`. A new one is a function and a line in `table`.
struct Filter: Sendable {
  typealias Body =
    @Sendable (Interpreter, RuntimeValue, [RuntimeValue?]) throws(ChatTemplateError) -> RuntimeValue
  typealias FreeBody =
    @Sendable (Interpreter, RuntimeValue, Arguments) throws(ChatTemplateError) -> RuntimeValue

  private enum Kind: Sendable {
    case fixed([String], required: Int, Body)
    case free(FreeBody)
  }

  private let kind: Kind

  /// A filter without arguments.
  init(_ body: @escaping Body) {
    kind = .fixed([], required: 0, body)
  }

  /// A filter with named parameters, of which the first `required` must be given.
  init(_ parameters: [String], required: Int = 0, _ body: @escaping Body) {
    kind = .fixed(parameters, required: required, body)
  }

  /// A filter that reads its arguments itself.
  init(free body: @escaping FreeBody) {
    kind = .free(body)
  }

  func apply(
    _ interpreter: Interpreter, name: String, _ value: RuntimeValue, _ arguments: Arguments
  ) throws(ChatTemplateError) -> RuntimeValue {
    switch kind {
    case .fixed(let parameters, let required, let body):
      let values = try arguments.bound(to: parameters, required: required, of: name, interpreter)
      return try body(interpreter, value, values)
    case .free(let body): return try body(interpreter, value, arguments)
    }
  }

  /// Filters of Jinja's that are left out, so that an error can tell them from misspelt ones.
  private static let leftOut: Set<String> = [
    "center", "filesizeformat", "forceescape", "pprint", "random", "striptags", "urlize", "wordwrap",
  ]

  static func absence(of name: String, line: Int) -> ChatTemplateError {
    leftOut.contains(name)
      ? .unsupported(line: line, construct: "the filter '\(name)'") : .unknownFilter(line: line, name: name)
  }

  static let table: [String: Filter] = [
    // Values
    "default": Filter(["default_value", "boolean"], Filters.defaultValue),
    "d": Filter(["default_value", "boolean"], Filters.defaultValue),
    "attr": Filter(["name"], required: 1, Filters.attr),
    "tojson": Filter(["ensure_ascii", "indent", "separators", "sort_keys"], Filters.tojson),
    // Numbers
    "abs": Filter(Filters.abs),
    "float": Filter(["default"], Filters.float),
    "int": Filter(["default", "base"], Filters.int),
    "round": Filter(["precision", "method"], Filters.round),
    // Text
    "string": Filter(Filters.string),
    "upper": Filter(Filters.upper),
    "lower": Filter(Filters.lower),
    "capitalize": Filter(Filters.capitalize),
    "title": Filter(Filters.title),
    "trim": Filter(["chars"], Filters.trim),
    "replace": Filter(["old", "new", "count"], required: 2, Filters.replace),
    "indent": Filter(["width", "first", "blank"], Filters.indent),
    "truncate": Filter(["length", "killwords", "end", "leeway"], Filters.truncate),
    "wordcount": Filter(Filters.wordcount),
    "format": Filter(free: Filters.format),
    // HTML and addresses
    "escape": Filter(Filters.escape),
    "e": Filter(Filters.escape),
    "safe": Filter(Filters.safe),
    "urlencode": Filter(Filters.urlencode),
    "xmlattr": Filter(["autospace"], Filters.xmlattr),
    // Sequences
    "length": Filter(Filters.length),
    "count": Filter(Filters.length),
    "first": Filter(Filters.first),
    "last": Filter(Filters.last),
    "list": Filter(Filters.list),
    "join": Filter(["d", "attribute"], Filters.join),
    "reverse": Filter(Filters.reverse),
    "batch": Filter(["linecount", "fill_with"], required: 1, Filters.batch),
    "slice": Filter(["slices", "fill_with"], required: 1, Filters.slice),
    "sum": Filter(["attribute", "start"], Filters.sum),
    // Order
    "sort": Filter(["reverse", "case_sensitive", "attribute"], Filters.sort),
    "dictsort": Filter(["case_sensitive", "by", "reverse"], Filters.dictsort),
    "groupby": Filter(["attribute", "default", "case_sensitive"], required: 1, Filters.groupby),
    "unique": Filter(["case_sensitive", "attribute"], Filters.unique),
    "min": Filter(["case_sensitive", "attribute"], Filters.min),
    "max": Filter(["case_sensitive", "attribute"], Filters.max),
    // Selection
    "items": Filter(Filters.items),
    "map": Filter(free: Filters.map),
    "select": Filter(free: Filters.select),
    "reject": Filter(free: Filters.reject),
    "selectattr": Filter(free: Filters.selectattr),
    "rejectattr": Filter(free: Filters.rejectattr),
  ]
}

/// The functions behind the filters; one extension for each family.
enum Filters {}
