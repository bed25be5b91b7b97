/// Bounds on what one template may cost. A template comes with a model file, so it is hostile input.
struct TemplateLimits: Sendable {
  /// Of the template's source. The longest published chat templates have about 30 kB.
  var sourceBytes = 1 << 20
  /// Of the rendered text.
  var outputBytes = 16 << 20
  /// Of any single text value.
  var textBytes = 16 << 20
  /// One per node evaluated, per list element made, per 16 bytes of text made.
  var steps = 10_000_000
  /// Height of the syntax tree. Also bounds the recursion of the parser.
  var nesting = 100
  /// Depth of evaluation, through macro calls. A level takes at most about 2.3 kB of stack (measured on
  /// x86_64, optimized), and the smallest stacks that tasks run on have 512 kB.
  var callDepth = 160
  /// Jinja's sandbox has the same bound.
  var rangeLength = 100_000
  var listLength = 1_000_000
  /// Of lists in lists in mappings. Freeing a value recurses, so this bounds stack too.
  var valueNesting = 100
}
