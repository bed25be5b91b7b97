import ChatTemplates
import GGUF
import Kernels
import LoRA
import Synchronization
import Tokenization
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A GGUF language model, mapped into memory and ready to run.
///
/// Immutable but for the adapters that are applied to it, and safe to share: any number of contexts run on one model.
/// A context captures the adapters that are applied when it is made.
public final class Model: Sendable {
  let decoder: Decoder
  package let tokenizer: Tokenizer
  /// From `tokenizer.chat_template`; nil: the model has none.
  let format: PromptFormat?
  /// Fits adapters to the decoder.
  let binder: any AdapterBinder
  let registry = Mutex(AdapterRegistry())
  /// Sets by id. Requests that choose the same adapters and scales get the same object: its rows are one run of a batch.
  let sharedAdapterSets = SharedObjects<AdapterSet>()
  /// Tokenizers with added tokens, by the ids of sets.
  let sharedTokenizers = SharedObjects<Tokenizer>()
  /// Adapters that were read again.
  let sharedAdapters = SharedObjects<LoRAAdapter>()

  /// Loads a model from a `.gguf` file; of a split model, name the first part.
  ///
  /// The weights are mapped, not read: loading takes a fraction of a second whatever the model's size.
  ///
  /// - Throws: `GGUFError`, `ModelError`, `TokenizerError`, `ChatTemplateError` or `KernelError`, saying what is wrong.
  public static func load(_ path: String, options: ModelOptions = ModelOptions()) throws -> Model {
    try Model(try GGUFFile.open(path), options: options)
  }

  /// - Parameter binder: what fits adapters, given what does it by itself.
  package init(
    _ file: GGUFFile, options: ModelOptions = ModelOptions(),
    binder: (AdapterBinding) -> any AdapterBinder = { $0 }
  ) throws {
    if let threads = options.threads, !(1...256).contains(threads) {
      throw ModelError.invalidThreadCount(threads)
    }
    if try file.metadata.string("general.type") == "adapter" {
      throw ModelError.isAdapter(file: file.path)
    }
    let table: KernelTable
    switch options.precision {
    case .reference: table = .reference
    case .fast: table = try .best(environment: getenv("MULLAMA_KERNELS").map { String(cString: $0) })
    }
    decoder = try Decoder(file, compute: Compute(table: table, threads: options.threads))
    self.binder = binder(AdapterBinding(decoder))
    tokenizer = try Tokenizer(file.metadata)
    guard tokenizer.vocabularyCount <= decoder.hyperparameters.vocabularySize else {
      throw ModelError.vocabularyMismatch(
        file: file.path, tokens: tokenizer.vocabularyCount, rows: decoder.hyperparameters.vocabularySize)
    }
    format = try file.metadata.string("tokenizer.chat_template").map {
      source throws(ChatTemplateError) in
      PromptFormat(try ChatTemplate(source))
    }
  }

  /// `general.name` of the file, or the file's own name.
  public var name: String {
    (try? decoder.file.metadata.string("general.name")) ?? decoder.file.path
  }
  public var path: String { decoder.file.path }
  /// `llama`, `qwen2`, …
  public var architecture: String { decoder.hyperparameters.architecture }
  /// Tokens of context the model was trained with.
  public var trainedContextLength: Int { decoder.hyperparameters.contextLength }
  public var vocabularySize: Int { decoder.hyperparameters.vocabularySize }
  public var hasChatTemplate: Bool { format != nil }
  public var threadCount: Int { decoder.compute.pool.threadCount }
  /// `portable`, `x86-64-v3` or `reference`.
  public var kernels: String { decoder.compute.table.name }
  /// Bytes of the mapped file or files.
  public var mappedByteCount: Int { decoder.file.mappedByteCount }

  /// Token ids of a text, without the tokens that begin or end a sequence unless `addSpecial`.
  ///
  /// With `parseSpecial`, the text of control tokens (`<|im_end|>`) becomes those tokens.
  public func tokenize(_ text: String, addSpecial: Bool = false, parseSpecial: Bool = false) -> [Int32] {
    tokenizer.encode(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
  }

  /// The text of tokens; invalid UTF-8 becomes U+FFFD.
  public func detokenize(_ tokens: [Int32], skipSpecial: Bool = true) -> String {
    tokenizer.decode(tokens, skipSpecial: skipSpecial)
  }
}
