/// An expression of a template: a value to compute, and where it stands.
struct Expression: Sendable {
  indirect enum Kind: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case text(String)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, String)
    case item(Expression, Expression)
    case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
    case call(Expression, ArgumentList)
    case filter(Expression, FilterCall)
    case test(Expression, FilterCall)
    case not(Expression)
    case negate(Expression)
    case plus(Expression)
    case binary(BinaryOperator, Expression, Expression)
    case and(Expression, Expression)
    case or(Expression, Expression)
    case concatenation([Expression])
    case comparison(Expression, [(ComparisonOperator, Expression)])
    case conditional(Expression, condition: Expression, otherwise: Expression?)
  }

  var kind: Kind
  var line: Int
  /// Levels of expressions below and including this one, so that evaluation's recursion is bounded.
  var height: Int
}

enum BinaryOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case modulo = "%"
  case power = "**"
}

enum ComparisonOperator: String, Sendable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case contained = "in"
  case notContained = "not in"
}

/// The arguments of a call as written: `f(a, k=b, *c, **d)`.
struct ArgumentList: Sendable {
  var positional: [Expression] = []
  var named: [(name: String, value: Expression)] = []
  var spread: Expression?
  var spreadNamed: Expression?

  var height: Int {
    let values = positional + named.map(\.value) + [spread, spreadNamed].compactMap { $0 }
    return values.map(\.height).max() ?? 0
  }
}

/// `name(arguments)` after `|` or `is`.
struct FilterCall: Sendable {
  var name: String
  var arguments: ArgumentList
  var line: Int
}
