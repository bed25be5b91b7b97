public import ChatTemplates
import LoRA

/// The chat template that lies beside an adapter: the form of the conversations that it was trained with.
public struct AdapterTemplate: Sendable {
  /// Where it was found: `chat_template.jinja`, `tokenizer_config.json`, or the adapter's GGUF file.
  public let file: String
  public let source: String
  /// Why it cannot be used; nil: it can.
  public let problem: ChatTemplateError?
  let format: PromptFormat?

  init(_ template: TrainedTemplate) {
    file = template.file
    source = template.source
    do throws(ChatTemplateError) {
      let format = PromptFormat(try ChatTemplate(source), bos: template.bos, eos: template.eos)
      // What renders no message at all is of no use.
      _ = try format.render([ChatMessage(role: "user", content: "Hello!")])
      self.format = format
      problem = nil
    } catch {
      format = nil
      problem = error
    }
  }
}
