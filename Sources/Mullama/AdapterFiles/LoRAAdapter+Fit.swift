import LoRA
import Tokenization

extension LoRAAdapter {
  /// How an adapter and a model go together.
  public struct Fit: Sendable {
    /// An adapter's chat template beside the model's.
    public enum Template: String, Sendable {
      /// The adapter has none.
      case none
      /// Both make the same prompts.
      case same
      /// The model has none: the adapter's is used.
      case onlyHere = "adapter"
      /// They make different prompts.
      case other
      /// It cannot be used; `AdapterTemplate.problem` says why.
      case unusable
    }

    /// Everything that keeps the adapter from being applied; empty: it fits.
    public let problems: [AdapterError]
    /// The texts of the tokens that it adds, ascending by id; empty if it does not fit.
    public let addedTokens: [String]
    public let template: Template
  }

  /// Whether the adapter can be applied to a model, and what it brings along.
  public func fit(to model: Model) -> Fit {
    let (problems, tokens) = AdapterBinding(model.decoder).check(adapter)
    return Fit(
      problems: problems, addedTokens: tokens.map(\.text),
      template: template(beside: model, model.tokenizer.adding(tokens.map(Tokenizer.Addition.init))))
  }

  private func template(beside model: Model, _ tokenizer: Tokenizer) -> Fit.Template {
    guard let template = chatTemplate else { return .none }
    guard let format = template.format else { return .unusable }
    guard let own = model.format else { return .onlyHere }
    return format.agrees(with: own, by: tokenizer) ? .same : .other
  }
}
