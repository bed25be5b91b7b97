/// Why a chat template could not be read or rendered. Lines count from 1 in the template's source.
public enum ChatTemplateError: Error, Equatable, Sendable {
  /// A bound that keeps a hostile template from exhausting memory, time or stack.
  public enum Limit: Equatable, Sendable {
    case sourceBytes, outputBytes, textBytes, steps, nesting, callDepth, rangeLength, listLength, valueNesting
  }

  /// Something other than what the grammar allows at this place.
  case unexpected(line: Int, found: String, expected: String)
  /// A rule of the language that a well-formed sequence of tokens can still break.
  case invalidSyntax(line: Int, problem: String)
  case unknownTag(line: Int, name: String)
  case unknownFilter(line: Int, name: String)
  case unknownTest(line: Int, name: String)
  /// Part of Jinja or Python that chat templates do not need and this interpreter leaves out.
  case unsupported(line: Int, construct: String)
  /// An operation on a value that does not exist; `reason` names the missing variable, attribute or item.
  case undefined(line: Int, reason: String)
  /// Operands or arguments of a type or value that Python would refuse.
  case invalidOperation(line: Int, problem: String)
  /// The sandbox forbids this attribute (it would change a value, or reach Python's internals).
  case forbidden(line: Int, attribute: String, type: String)
  case integerOverflow(line: Int, operation: String)
  /// The template itself called `raise_exception(message)`.
  case raised(line: Int, message: String)
  case limitExceeded(line: Int, limit: Limit, maximum: Int)
  /// Text given as JSON is not JSON; `offset` counts bytes.
  case invalidJSON(offset: Int, problem: String)
}
