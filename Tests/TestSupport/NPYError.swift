/// Why a `.npy` file was not read.
package enum NPYError: Error, Equatable {
  case unreadable(path: String)
  case notNPY(file: String)
  case unsupportedVersion(file: String, found: Int)
  case malformedHeader(file: String, reason: String)
  case unsupportedType(file: String, found: String)
  case unsupportedOrder(file: String)
  case wrongLength(file: String, expected: Int, found: Int)
}

extension NPYError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let path):
      "\(path) cannot be read: is the path right?"
    case .notNPY(let file):
      "\(file) does not start with the NumPy signature: it is not a .npy file"
    case .unsupportedVersion(let file, let found):
      "\(file) is .npy version \(found); versions 1 and 2 are read"
    case .malformedHeader(let file, let reason):
      "the header of \(file) is malformed: \(reason)"
    case .unsupportedType(let file, let found):
      "\(file) holds elements of type \(found); save it as little-endian float32 ('<f4')"
    case .unsupportedOrder(let file):
      "\(file) is stored in Fortran order; save it in C order (numpy.ascontiguousarray)"
    case .wrongLength(let file, let expected, let found):
      "\(file) holds \(found) bytes of numbers where its shape needs \(expected)"
    }
  }
}
