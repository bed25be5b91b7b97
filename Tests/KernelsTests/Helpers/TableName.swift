import Foundation
import Kernels
import Testing

/// A table of kernels as a test argument: the portable one is the definition, the others must agree with it.
enum TableName: String, Sendable, CustomTestStringConvertible {
  case portable, reference, x86V3, x86V4

  /// Every table that this processor can run; without the fast ones where `MULLAMA_KERNELS` asks for the portable one.
  static let available: [TableName] = {
    if ProcessInfo.processInfo.environment["MULLAMA_KERNELS"] == "portable" {
      return [.portable, .reference]
    }
    #if arch(x86_64)
      return [.portable, .reference] + (Processor.hasX86V3 ? [.x86V3] : [])
        + (Processor.hasX86V4 ? [.x86V4] : [])
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
    case .x86V4:
      #if arch(x86_64)
        .x86V4
      #else
        preconditionFailure("not among the available tables")
      #endif
    }
  }

  /// One that reads integer codes, with kernels for an instruction set.
  var isFast: Bool { self == .x86V3 || self == .x86V4 }

  var testDescription: String { rawValue }
}
