import GGUF

/// A weight type in which files can be written.
public enum FileWeightType: String, Sendable, CaseIterable {
  case f32, f16, bf16, q8_0

  var tensorType: TensorType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    }
  }
}
