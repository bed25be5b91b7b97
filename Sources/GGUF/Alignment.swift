/// The grid on which tensors start. Source: `general.alignment` in the GGUF specification.
enum Alignment {
  static let key = "general.alignment"
  static let standard = 32
  /// The specification asks for a multiple of 8, ggml for a power of two. The upper end keeps padding small.
  static let allowed = 8...1_048_576

  static func read(_ metadata: Metadata) throws(GGUFError) -> Int {
    guard let alignment = try metadata.int(key) else { return standard }
    guard allowed.contains(alignment), alignment & (alignment - 1) == 0 else {
      throw .invalidAlignment(file: metadata.file, found: alignment)
    }
    return alignment
  }

  /// - Parameter position: a position in a file, far from overflow.
  static func roundUp(_ position: Int, to alignment: Int) -> Int {
    (position + alignment - 1) & ~(alignment - 1)
  }
}
