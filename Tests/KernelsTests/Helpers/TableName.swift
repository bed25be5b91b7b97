import Foundation
import Kernels
import Testing

/// A table of kernels as a test argument: the portable one is the definition, the others must agree with it.
enum TableName: String, Sendable, CustomTestStringConvertible {
  case portable, reference, x86V3

  /// Every table that this processor can run; without the fast ones where `MULLAMA_KERNELS` asks for the portable one.
  static let available: [TableName] = {
    if ProcessInfo.processInfo.environment["MULLAMA_KERNELS"] == "portable" {
      return [.portable, .reference]
    }
    #if arch(x86_64)
      return Processor.hasX86V3 ? [.portable, .reference, .x86V3] : [.portable, .reference]
    #else
      return [.portable, .reference]
    #endif
  }()

  var table: KernelTable {
    switch self {
    case .portable: .portable
    case .reference: .reference
    case .x86V3:
      #if arch(x86_64)
        .x86V3
      #else
        preconditionFailure("not among the available tables")
      #endif
    }
  }

  var testDescription: String { rawValue }
}
