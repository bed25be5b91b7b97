/// Names for what llama.cpp's adapter format cannot say.
///
/// Behind the base tensor's name, so that llama.cpp, which knows but `.lora_a` and `.lora_b`, refuses such a file instead of
/// applying half of it.
enum OwnTensors {
  /// DoRA's magnitudes, one for each output; of an embedding, one for each column.
  static let magnitude = ".lora_magnitude"
  /// Added to B(A·x) before it is scaled.
  static let factorBias = ".lora_bias"
  /// A whole tensor in the model's place, also a bias under its own name; of one expert behind its number
  /// (`blk.0.ffn_up_exps.weight.3.replacement`).
  static let replacement = ".replacement"
  /// Some rows in the model's place; which ones, a key says.
  static let rows = ".row_replacement"
  static func rowsKey(_ tensor: String) -> String { "mullama.adapter.rows.\(tensor)" }
  /// Tensors whose replacement holds for the output matrix too, where the model ties it to them.
  static let tiedKey = "mullama.adapter.tied"
  /// Tokens that the adapter adds: ids, texts, and whether they are control tokens. Arrays of one length.
  static let tokenIDsKey = "mullama.adapter.tokens.ids"
  static let tokenTextsKey = "mullama.adapter.tokens.texts"
  static let tokenSpecialsKey = "mullama.adapter.tokens.special"
  /// The chat template under the key that models have, and the texts that its `bos_token` and `eos_token` stand for.
  static let templateKey = "tokenizer.chat_template"
  static let bosKey = "mullama.adapter.bos_token"
  static let eosKey = "mullama.adapter.eos_token"

  static let suffixes = [magnitude, factorBias, replacement, rows]
}
