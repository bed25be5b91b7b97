/// Which attributes the Python types have, and what becomes of each in the sandbox.
struct MethodTable: Sendable {
  /// Methods this interpreter has.
  var allowed: Set<String> = []
  /// Methods that would change the value: undefined in the immutable sandbox.
  var forbidden: Set<String> = []
  /// Attributes Python has and this interpreter leaves out: an error rather than a wrong "undefined".
  var leftOut: Set<String> = []

  /// Attributes every Python object has.
  static let internals: Set<String> = [
    "__class__", "__dict__", "__doc__", "__init__", "__module__", "__eq__", "__ne__", "__hash__", "__repr__",
    "__str__", "__len__", "__getattribute__", "__reduce__", "__sizeof__", "__subclasshook__", "__new__",
    "__setattr__", "__delattr__", "__format__", "__dir__", "__lt__", "__le__", "__gt__", "__ge__",
    "__init_subclass__",
    "__reduce_ex__",
  ]

  static func methods(of value: RuntimeValue) -> MethodTable? {
    switch value {
    case .string, .markup: text
    case .list: list
    case .tuple: tuple
    case .map: map
    case .range: range
    case .int, .bool: integer
    case .double: double
    case .cycler: MethodTable(allowed: ["next", "reset"])
    default: nil
    }
  }

  static let text = MethodTable(
    allowed: [
      "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "partition", "rpartition", "join",
      "replace",
      "removeprefix", "removesuffix", "startswith", "endswith", "find", "rfind", "index", "rindex", "count",
      "upper", "lower", "title", "capitalize", "swapcase", "casefold", "isdigit", "isdecimal", "isnumeric",
      "isalpha", "isalnum", "isspace", "isupper", "islower", "istitle", "isascii", "isprintable",
      "isidentifier",
      "zfill", "center", "ljust", "rjust", "expandtabs", "format",
    ],
    leftOut: ["encode", "format_map", "maketrans", "translate"])

  static let list = MethodTable(
    allowed: ["index", "count", "copy"],
    forbidden: ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"])

  static let tuple = MethodTable(allowed: ["index", "count"])

  static let map = MethodTable(
    allowed: ["get", "items", "keys", "values", "copy"],
    forbidden: ["clear", "pop", "popitem", "setdefault", "update"],
    leftOut: ["fromkeys"])

  static let range = MethodTable(leftOut: ["start", "stop", "step", "index", "count"])

  static let integer = MethodTable(
    leftOut: [
      "real", "imag", "numerator", "denominator", "conjugate", "bit_length", "bit_count", "to_bytes",
      "from_bytes",
      "as_integer_ratio",
    ])

  static let double = MethodTable(
    allowed: ["is_integer"], leftOut: ["real", "imag", "conjugate", "hex", "fromhex", "as_integer_ratio"])
}
