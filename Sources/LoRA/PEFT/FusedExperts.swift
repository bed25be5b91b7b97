/// A fused parameter of all experts of a layer that has factors (`target_parameters`).
///
/// PEFT wraps a module once for each of its parameters, in the order in which the module has them: with both, the factors of
/// `gate_up_proj` are at `experts.base_layer` and those of `down_proj` at `experts`.
struct FusedExperts {
  /// In the order in which transformers' modules have them.
  static let parameters = ["gate_up_proj", "down_proj"]

  /// `model.layers.0.mlp.experts`
  let module: String
  /// `model.layers.0.mlp.experts.gate_up_proj`
  let parameter: String
  /// The linears that it is made of, rows under each other.
  let projections: [String]

  /// nil: the module has no fused parameter with factors.
  init?(_ name: String, _ configuration: PEFTConfiguration) {
    let inner = ".base_layer"
    let isInner = name.hasSuffix(".experts" + inner)
    guard isInner || name.hasSuffix(".experts") else { return nil }
    let module = isInner ? String(name.dropLast(inner.count)) : name
    let targets = Self.parameters.filter { parameter in
      configuration.parameters.contains { PEFTConfiguration.names(module + "." + parameter, $0) }
    }
    guard let first = targets.first, let last = targets.last, !isInner || targets.count == 2 else {
      return nil
    }
    self.module = module
    parameter = module + "." + (isInner ? first : last)
    projections = Self.projections(of: parameter)
  }

  /// Is this a fused parameter, rather than a module?
  static func isParameter(_ name: String) -> Bool {
    parameters.contains { name.hasSuffix(".experts." + $0) }
  }

  static func module(of parameter: String) -> String {
    parameter.lastIndex(of: ".").map { String(parameter[..<$0]) } ?? parameter
  }

  static func projections(of parameter: String) -> [String] {
    parameter.hasSuffix(".gate_up_proj") ? ["gate_proj", "up_proj"] : ["down_proj"]
  }
}
