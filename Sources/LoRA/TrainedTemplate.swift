/// The chat template that lies beside an adapter: the form of the conversations that it was trained with.
///
/// A text as its file has it; whether it can be used is not known here.
package struct TrainedTemplate: Sendable, Equatable {
  /// Where it was found.
  package let file: String
  package let source: String
  /// The texts that its `bos_token` and `eos_token` stand for; nil: those of the model's vocabulary.
  package let bos: String?
  package let eos: String?

  /// Bytes that a template may have; the longest known ones have some 20 000.
  static let sizeLimit = 1 << 20

  package init(file: String, source: String, bos: String? = nil, eos: String? = nil) {
    self.file = file
    self.source = source
    self.bos = bos
    self.eos = eos
  }

  /// Throws where a template is too large to be one.
  static func check(byteCount: Int, key: String, file: String) throws(AdapterError) {
    guard byteCount <= sizeLimit else {
      throw .invalidSetting(
        file: file, key: key, expected: "at most \(sizeLimit) bytes", found: "\(byteCount)")
    }
  }
}
