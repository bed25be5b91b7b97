import ChatTemplates
import LoRA
import Tokenization

/// The chat template of a context, and how it was found.
struct TemplateSelection: Sendable {
  /// A template under the name that its adapter is applied under.
  typealias Candidate = (name: String, template: AdapterTemplate)

  /// nil: there is none.
  let format: PromptFormat?
  let origin: TemplateOrigin
  let notes: [TemplateNote]

  /// - Parameters:
  ///   - own: the model's.
  ///   - candidates: those of the adapters that act.
  ///   - tokenizer: with the tokens that they add.
  /// - Throws: `noTemplate`, `invalidTemplate` or `templateConflict` where the adapters' is asked for.
  init(
    _ choice: TemplateChoice, own: PromptFormat?, _ candidates: [Candidate], by tokenizer: Tokenizer
  ) throws(AdapterError) {
    if choice == .model || (candidates.isEmpty && choice == .auto) {
      self.init(own, own == nil ? .none : .model)
    } else if choice == .auto, let own {
      self.init(own, .model, candidates.compactMap { Self.comparison($0, own, tokenizer) })
    } else {
      try self.init(from: candidates, choice, by: tokenizer)
    }
  }

  private init(_ format: PromptFormat?, _ origin: TemplateOrigin, _ notes: [TemplateNote] = []) {
    self.format = format
    self.origin = origin
    self.notes = notes
  }

  /// Takes the only template that the adapters bring.
  private init(
    from candidates: [Candidate], _ choice: TemplateChoice, by tokenizer: Tokenizer
  ) throws(AdapterError) {
    let unusable = candidates.compactMap { candidate in
      candidate.template.problem.map {
        TemplateNote.unusable(name: candidate.name, file: candidate.template.file, reason: "\($0)")
      }
    }
    let usable = candidates.filter { $0.template.format != nil }
    guard let first = usable.first, let format = first.template.format else {
      if choice == .auto {
        self.init(nil, .none, unusable)
        return
      }
      guard let bad = candidates.first, let problem = bad.template.problem else { throw .noTemplate }
      throw .invalidTemplate(file: bad.template.file, reason: "\(problem)")
    }
    for other in usable.dropFirst() {
      if other.template.format?.agrees(with: format, by: tokenizer) != false { continue }
      if choice == .adapter {
        throw .templateConflict(first: first.template.file, second: other.template.file)
      }
      self.init(nil, .none, unusable + [.several(first: first.name, second: other.name)])
      return
    }
    let own = choice == .auto ? [TemplateNote.fromAdapter(name: first.name, file: first.template.file)] : []
    self.init(format, .adapter(name: first.name, file: first.template.file), unusable + own)
  }

  /// What to say of an adapter's template beside the model's; nil: they make the same prompts.
  private static func comparison(
    _ candidate: Candidate, _ own: PromptFormat, _ tokenizer: Tokenizer
  ) -> TemplateNote? {
    let (name, template) = candidate
    guard let format = template.format else {
      return template.problem.map { .unusable(name: name, file: template.file, reason: "\($0)") }
    }
    return format.agrees(with: own, by: tokenizer) ? nil : .differs(name: name, file: template.file)
  }
}
