/// What a file that is not GGUF looks like, by its first bytes.
///
/// A guess for an error message: people point at the wrong file far more often than at a damaged one.
public enum ForeignFormat: Equatable, Sendable {
  case safetensors
  case zip
  case pickle
  case gzip
  case zstandard
  case webPage
  case gitLFSPointer
  case json
  case legacyGGML
  /// The first bytes, at most four.
  case unknown([UInt8])

  /// - Parameter start: the first bytes of the file; 64 are enough for every format.
  package init(start: [UInt8]) {
    let text = String(decoding: start.prefix(64), as: UTF8.self).lowercased()
    let trimmed = text.drop { $0.isWhitespace }
    self =
      switch start.prefix(4) {
      case [0x50, 0x4B, 0x03, 0x04]: .zip
      case [0x28, 0xB5, 0x2F, 0xFD]: .zstandard
      // Magic numbers written as little-endian integers: ggml, ggmf, ggjt, ggla.
      case _ where ["lmgg", "fmgg", "tjgg", "algg"].contains(text.prefix(4)): .legacyGGML
      case _ where start.starts(with: [0x1F, 0x8B]): .gzip
      case _ where start.starts(with: [0x80, 0x02]): .pickle
      case _ where text.hasPrefix("version https://git-lfs"): .gitLFSPointer
      // Eight bytes of header length, then a JSON object; no header comes near 2^32 bytes.
      case _ where start.count >= 9 && start[4..<8].allSatisfy { $0 == 0 } && start[8] == 0x7B: .safetensors
      case _ where trimmed.hasPrefix("<!doctype") || trimmed.hasPrefix("<html") || trimmed.hasPrefix("<?xml"):
        .webPage
      case _ where trimmed.hasPrefix("{"): .json
      default: .unknown(Array(start.prefix(4)))
      }
  }
}
