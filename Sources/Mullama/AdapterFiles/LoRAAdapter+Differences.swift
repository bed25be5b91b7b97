import LoRA

extension LoRAAdapter {
  /// One thing that two adapters change, or one of them.
  public struct Difference: Sendable {
    /// What one adapter has there.
    public struct Side: Sendable, Equatable {
      /// nil: it is no pair of factors.
      public let rank: Int?
      /// Frobenius norm, of factors that of alpha / rank × B·A.
      public let norm: Double
    }

    /// The tensor's or module's name.
    public let name: String
    /// `delta` for low-rank factors; `magnitude`, `norm`, `bias`, `replacement`, `rows`, `factor bias`.
    public let role: String
    /// nil: only the second adapter has it.
    public let first: Side?
    /// nil: only the first adapter has it.
    public let second: Side?
    /// `‖x₁ - x₂‖ / max(‖x₁‖, ‖x₂‖)`; nil: not in both, or of different shapes.
    public let relativeDifference: Double?
  }

  /// How another adapter differs, tensor by tensor; both at scale 1.
  ///
  /// - Parameter base: the model both are for; needed where one is a PEFT folder and the other a GGUF file.
  /// - Throws: `AdapterError`.
  public func differences(from other: LoRAAdapter, base: Model? = nil) throws -> [Difference] {
    let target = base.map { ConversionTarget($0.decoder) }
    return try AdapterComparison(adapter, other.adapter, target: target).lines.map { line in
      func side(_ side: AdapterComparison.Side?) -> Difference.Side? {
        side.map { Difference.Side(rank: $0.rank, norm: $0.norm) }
      }
      return Difference(
        name: line.tensor, role: line.role, first: side(line.first), second: side(line.second),
        relativeDifference: line.relativeDifference)
    }
  }
}
