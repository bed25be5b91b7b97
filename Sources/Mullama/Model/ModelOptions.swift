/// How the arithmetic is done.
public enum Precision: String, Sendable, CaseIterable {
  /// Integer dot products over the packed weights; activations rounded to 16 bits (decode) or 8 bits (prefill).
  case fast
  /// Weights dequantized exactly, float32 throughout: slow, for checking.
  case reference
}

/// What a model is loaded with.
public struct ModelOptions: Sendable, Equatable {
  /// Threads that compute, 1–256; nil: the cores this process may use.
  public var threads: Int?
  public var precision: Precision

  public init(threads: Int? = nil, precision: Precision = .fast) {
    self.threads = threads
    self.precision = precision
  }
}
