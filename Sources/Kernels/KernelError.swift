/// Why weights, or a set of kernels, cannot be used.
///
/// Types are named as people know them (`Q4_K`), since the enumeration of them is not public.
public enum KernelError: Error, Equatable {
  /// A tensor's type holds no weights that can be multiplied: an integer, a double, an activation format.
  case unsupportedType(String)
  /// A row of `columns` weights does not end at a block boundary.
  case rowNotBlockMultiple(type: String, columns: Int, block: Int)
  /// The processor lacks the instructions that these kernels are compiled for.
  case unsupportedProcessor(kernels: String)
  /// No set of kernels has this name.
  case unknownKernels(String)
}

extension KernelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unsupportedType(let type):
      "\(type) is not a weight format: weights are float (F32, F16, BF16) or quantized (as Q8_0, Q4_K, "
        + "IQ4_XS). Quantize the model to one of these."
    case .rowNotBlockMultiple(let type, let columns, let block):
      "A row has \(columns) weights, but \(type) stores blocks of \(block): the row length must be a multiple "
        + "of \(block). Check that the file is whole, or quantize this tensor to another type."
    case .unsupportedProcessor(let kernels):
      "The \(kernels) kernels need instructions that this processor does not have. "
        + "Choose the portable kernels, or let the engine choose."
    case .unknownKernels(let name):
      "There are no kernels named \"\(name)\". Leave the choice empty to take the best for this processor."
    }
  }
}
