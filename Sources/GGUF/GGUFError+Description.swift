#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

extension GGUFError: CustomStringConvertible {
  /// One sentence or two: which file, what in it, what was expected and found, and what to do where we know.
  public var description: String {
    switch self {
    // The file itself
    case .missingFile(let file): "\(quoted(file)): there is no such file."
    case .directory(let file): "\(quoted(file)) is a folder; name the .gguf file inside it."
    case .notRegularFile(let file):
      "\(quoted(file)) is a device or a pipe; only a regular file can be mapped into memory."
    case .emptyFile(let file):
      "\(quoted(file)) is empty (0 bytes): the download failed; fetch the file again."
    case .systemCall(let file, let operation, let code):
      "\(quoted(file)): \(operation) failed: \(String(cString: strerror(code)))."

    case .notGGUF(let file, let found): "\(quoted(file)) is not a GGUF file: \(found.advice)"
    case .unsupportedVersion(let file, let found):
      "\(quoted(file)) is GGUF version \(found); versions 2 and 3 are supported. "
        + (found < 2 ? "Convert the model again." : "A newer release of this program may read it.")
    case .bigEndian(let file):
      "\(quoted(file)) is a big-endian GGUF file; only little-endian files are supported. Convert the model again."
    case .truncated(let file, let place, let expected, let found):
      "\(quoted(file)) is incomplete or damaged: \(place) needs "
        + (expected == .max
          ? "more bytes than any file has; the file has \(found)."
          : "a file of at least \(expected) bytes, but it has \(found); \(expected &- found) are missing.")
        + " Fetch the file again."
    case .nameLength(let file, let place, let limit, let found):
      "\(quoted(file)): \(place) has a name of \(found) bytes; 1 to \(limit) are allowed. The file is damaged."
    case .invalidUTF8(let file, let place, let index):
      "\(quoted(file)): \(place) has text\(at(index)) that is not valid UTF-8."

    case .duplicateKey(let file, let key): "\(quoted(file)) has the metadata key \(quoted(key)) twice."
    case .unknownValueType(let file, let key, let found):
      "\(quoted(file)): metadata key \(quoted(key)) has the unknown value type \(found); 0 to 12 are known."
    case .arrayTooDeep(let file, let key, let limit):
      "\(quoted(file)): metadata key \(quoted(key)) nests arrays deeper than \(limit) levels."
    case .arrayTooLong(let file, let key, let limit, let found):
      "\(quoted(file)): metadata key \(quoted(key)) has \(found) elements; at most \(limit) are allowed."
    case .invalidBool(let file, let key, let index, let found):
      "\(quoted(file)): metadata key \(quoted(key)) has the bool \(found)\(at(index)); expected 0 or 1."
    case .invalidAlignment(let file, let found):
      "\(quoted(file)): \(Alignment.key) is \(found); expected a power of two from "
        + "\(Alignment.allowed.lowerBound) to \(Alignment.allowed.upperBound)."
    case .missingKey(let file, let key, let expected):
      "\(quoted(file)) lacks the metadata key \(quoted(key)) (\(expected)). "
        + "Convert the model again with a current converter."
    case .wrongType(let file, let key, let expected, let found):
      "\(quoted(file)): metadata key \(quoted(key)) is \(found); expected \(expected)."
    case .valueOutOfRange(let file, let key, let expected, let found):
      "\(quoted(file)): metadata key \(quoted(key)) is \(quoted(found)); expected \(expected)."

    case .duplicateTensor(let file, let tensor): "\(quoted(file)) has the tensor \(quoted(tensor)) twice."
    case .unknownTensorType(let file, let tensor, let found):
      if let name = TensorType.removedName(found) {
        "\(quoted(file)): tensor \(quoted(tensor)) has type \(found), \(name), which ggml removed. "
          + "Quantize the model again from its original weights."
      } else {
        "\(quoted(file)): tensor \(quoted(tensor)) has the unknown type \(found). "
          + "A newer release of this program may read it."
      }
    case .dimensionCount(let file, let tensor, let found):
      "\(quoted(file)): tensor \(quoted(tensor)) has \(found) dimensions; 1 to 4 are allowed."
    case .invalidDimension(let file, let tensor, let index, let found):
      "\(quoted(file)): dimension \(index) of tensor \(quoted(tensor)) is \(found); expected at least 1."
    case .tensorTooLarge(let file, let tensor, let dimensions):
      "\(quoted(file)): tensor \(quoted(tensor)) is \(shape(dimensions)), more than fits into memory addresses."
    case .partialBlock(let file, let tensor, let type, let expected, let found):
      "\(quoted(file)): tensor \(quoted(tensor)) is \(type), whose first dimension must be a multiple of "
        + "\(expected); it is \(found)."
    case .misalignedTensor(let file, let tensor, let expected, let found):
      "\(quoted(file)): tensor \(quoted(tensor)) starts at offset \(found); expected a multiple of \(expected)."
    case .overlappingTensors(let file, let first, let second):
      "\(quoted(file)): the bytes of tensors \(quoted(first)) and \(quoted(second)) overlap."

    case .splitName(let file, let number, let count):
      "\(quoted(file)) is part \(number) of \(count) of a split model, and must be named like "
        + "\(SplitName.path(prefix: "model", number: number, count: count)) so that the other parts are found."
    case .missingPart(let file, let number, let count):
      "\(quoted(file)) is missing: it is part \(number) of \(count) of a split model; "
        + "all parts must be in one folder."
    case .splitMismatch(let file, let key, let expected, let found):
      "\(quoted(file)): \(key) is \(found); expected \(expected). "
        + "The parts are of different models, or one is damaged."

    case .tensorByteCount(let file, let tensor, let expected, let found):
      "\(quoted(file)): tensor \(quoted(tensor)) takes \(expected) bytes but was given \(found)."
    }
  }
}

extension GGUFError.Place: CustomStringConvertible {
  public var description: String {
    switch self {
    case .header: "the header"
    case .key(let index): "metadata key number \(index)"
    case .value(let key): "metadata key \(quoted(key))"
    case .tensorInfo(let index): "the description of tensor number \(index)"
    case .tensorData(let tensor): "tensor \(quoted(tensor))"
    }
  }
}

extension ForeignFormat {
  /// What it is and what to do, to follow a colon.
  var advice: String {
    switch self {
    case .safetensors:
      "it looks like a safetensors file. Convert the model to GGUF, or take its GGUF edition."
    case .zip: "it looks like a zip archive, as PyTorch writes for .pt and .bin. Convert the model to GGUF."
    case .pickle: "it looks like a Python pickle, an old PyTorch file. Convert the model to GGUF."
    case .gzip: "it is gzip-compressed. Unpack it first."
    case .zstandard: "it is zstd-compressed. Unpack it first."
    case .webPage:
      "it looks like a web page, perhaps an error page saved by a download. Fetch the file again."
    case .gitLFSPointer: "it is a Git LFS pointer. Fetch the real file with `git lfs pull`."
    case .json: "it looks like JSON."
    case .legacyGGML: "it is a ggml file from before GGUF. Convert the model again from its original weights."
    case .unknown(let bytes): "it starts with the bytes \(bytes), not with \"GGUF\"."
    }
  }
}

/// A name from a file, short and harmless on a terminal: control characters are escaped, long text is cut.
private func quoted(_ text: String) -> String {
  let limit = 200
  var result = ""
  for scalar in text.unicodeScalars.prefix(limit) {
    // `escaped(asASCII:)` also escapes quotes and backslashes, which are harmless in a path.
    result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
  }
  return "'" + result + (text.unicodeScalars.count > limit ? "…" : "") + "'"
}

private func at(_ index: Int?) -> String {
  index.map { " at index \($0)" } ?? ""
}

private func shape(_ dimensions: [Int]) -> String {
  dimensions.map(String.init).joined(separator: " × ")
}
