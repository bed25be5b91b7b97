import GGUF
import LoRA

extension LoRAAdapter {
  /// What is known of the model that an adapter is converted for.
  public enum Base: Sendable {
    /// The model itself: everything is checked against it.
    case model(Model)
    /// Only this. Heads are needed in architectures that reorder the rows of q and k (`llama`).
    case architecture(String, heads: Int?, kvHeads: Int?)
  }

  /// What was written.
  public struct Conversion: Sendable {
    public let path: String
    public let byteCount: Int
    public let tensorCount: Int
    /// The file's alpha; nil: none.
    public let alpha: Float?
    /// What llama.cpp cannot read in it, in words; empty: it reads all of it.
    public let warnings: [String]
    /// What else was done, in words.
    public let remarks: [String]
  }

  /// Writes the adapter as a GGUF file, in llama.cpp's format wherever that can say what it does.
  ///
  /// What it cannot say (DoRA's magnitudes, biases, replacements) goes into tensors of Mullama's own, under names that make
  /// llama.cpp refuse the file rather than apply half of it.
  ///
  /// - Parameters:
  ///   - base: nil: the adapter is a GGUF file and keeps its own names.
  ///   - type: of its matrices.
  ///   - temporary: called with the name under which the file grows.
  /// - Throws: `AdapterError` (`needsBase`, what does not fit), `GGUFError` if the file cannot be written.
  @discardableResult
  public func convert(
    to path: String, for base: Base?, type: FileWeightType = .f16, temporary: (String) -> Void = { _ in }
  ) throws -> Conversion {
    let conversion = try AdapterConversion(adapter, for: target(base), type: type.tensorType)
    try conversion.write(to: path, temporary: temporary)
    return Conversion(
      path: path, byteCount: try GGUFFile.open(path).mappedByteCount, tensorCount: conversion.tensorCount,
      alpha: conversion.alpha, warnings: conversion.notes.filter(\.isWarning).map(\.description),
      remarks: conversion.notes.filter { !$0.isWarning }.map(\.description))
  }

  private func target(_ base: Base?) throws(AdapterError) -> ConversionTarget {
    switch base {
    case .model(let model): return ConversionTarget(model.decoder)
    case .architecture(let name, let heads, let kvHeads):
      return ConversionTarget(
        architecture: name, heads: heads.map { ConversionTarget.Heads(query: $0, key: kvHeads ?? $0) })
    case nil:
      guard let architecture = adapter.architecture else {
        throw .needsBase(adapter: path, reason: "a PEFT adapter does not say its architecture")
      }
      return ConversionTarget(architecture: architecture, heads: nil)
    }
  }
}
