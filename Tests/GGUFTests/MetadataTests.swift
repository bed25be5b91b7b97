import GGUF
import Testing

struct MetadataTests {
  static let metadata: Metadata = [
    "u8": .uint8(200), "i8": .int8(-100), "u16": .uint16(60_000), "i16": .int16(-30_000),
    "u32": .uint32(4_000_000_000), "i32": .int32(-2_000_000_000), "u64": .uint64(1 << 62),
    "i64": .int64(.min),
    "huge": .uint64(.max), "f32": .float32(0.1), "f64": .float64(0.5), "wide": .float64(1e300),
    "nan": .float64(.nan), "bool": .bool(true), "text": .string("llama"),
    "u8s": .array(.uint8([1, 255])), "i8s": .array(.int8([-1])), "u16s": .array(.uint16([65_535])),
    "i16s": .array(.int16([-2])), "u32s": .array(.uint32([.max])), "i32s": .array(.int32([-3, 4])),
    "u64s": .array(.uint64([5])), "i64s": .array(.int64([-6])), "huges": .array(.uint64([1, .max])),
    "f32s": .array(.float32([0.1])), "f64s": .array(.float64([0.25, -.infinity])),
    "wides": .array(.float64([1e300])), "bools": .array(.bool([true, false])),
    "texts": .array(.string(["a", "b"])), "arrays": .array(.array([.uint8([1])])),
  ]

  @Test(arguments: [
    ("u8", 200), ("i8", -100), ("u16", 60_000), ("i16", -30_000), ("u32", 4_000_000_000),
    ("i32", -2_000_000_000), ("u64", 1 << 62), ("i64", Int.min),
  ])
  func integersOfEveryWidth(_ key: String, _ value: Int) throws {
    #expect(try Self.metadata.int(key) == value)
    #expect(try Self.metadata.requiredInt(key) == value)
  }

  @Test(arguments: [
    ("u8s", [1, 255]), ("i8s", [-1]), ("u16s", [65_535]), ("i16s", [-2]), ("u32s", [4_294_967_295]),
    ("i32s", [-3, 4]), ("u64s", [5]), ("i64s", [-6]),
  ])
  func integerArraysOfEveryWidth(_ key: String, _ values: [Int]) throws {
    #expect(try Self.metadata.ints(key) == values)
    #expect(try Self.metadata.requiredInts(key) == values)
  }

  @Test func everythingElse() throws {
    let metadata = Self.metadata
    #expect(try metadata.string("text") == "llama")
    #expect(try metadata.bool("bool") == true)
    #expect(try metadata.float("f32") == 0.1)
    #expect(try metadata.float("f64") == 0.5)
    #expect(try metadata.requiredFloat("nan").isNaN)
    #expect(try metadata.strings("texts") == ["a", "b"])
    #expect(try metadata.bools("bools") == [true, false])
    #expect(try metadata.floats("f32s") == [0.1])
    #expect(try metadata.floats("f64s") == [0.25, -.infinity])
    #expect(try metadata.requiredString("text") == "llama")
    #expect(try metadata.requiredBool("bool"))
    #expect(try metadata.requiredStrings("texts") == ["a", "b"])
    #expect(try metadata.requiredBools("bools") == [true, false])
    #expect(try metadata.requiredFloats("f32s") == [0.1])
  }

  @Test func absentIsNilOrMissing() throws {
    let metadata: Metadata = [:]
    #expect(try metadata.string("k") == nil)
    #expect(try metadata.int("k") == nil)
    #expect(try metadata.float("k") == nil)
    #expect(try metadata.bool("k") == nil)
    #expect(try metadata.strings("k") == nil)
    #expect(try metadata.ints("k") == nil)
    #expect(try metadata.floats("k") == nil)
    #expect(try metadata.bools("k") == nil)
    func missing(_ expected: String) -> GGUFError {
      .missingKey(file: "memory", key: "k", expected: expected)
    }
    #expect(throws: missing("string")) { try metadata.requiredString("k") }
    #expect(throws: missing("integer")) { try metadata.requiredInt("k") }
    #expect(throws: missing("float")) { try metadata.requiredFloat("k") }
    #expect(throws: missing("bool")) { try metadata.requiredBool("k") }
    #expect(throws: missing("array of string")) { try metadata.requiredStrings("k") }
    #expect(throws: missing("array of integer")) { try metadata.requiredInts("k") }
    #expect(throws: missing("array of float")) { try metadata.requiredFloats("k") }
    #expect(throws: missing("array of bool")) { try metadata.requiredBools("k") }
  }

  /// Every accessor against every value: it must throw the wrong type unless the value is of its own.
  @Test(arguments: metadata.keys)
  func otherTypesAreRefused(_ key: String) throws {
    let metadata = Self.metadata
    let value = try #require(metadata[key])
    let accessors: [(expected: String, accepts: [MetadataKind], arrays: Bool, call: () throws -> Void)] = [
      ("string", [.string], false, { _ = try metadata.string(key) }),
      ("bool", [.bool], false, { _ = try metadata.bool(key) }),
      ("integer", integerKinds, false, { _ = try metadata.int(key) }),
      ("float", [.float32, .float64], false, { _ = try metadata.float(key) }),
      ("array of string", [.string], true, { _ = try metadata.strings(key) }),
      ("array of bool", [.bool], true, { _ = try metadata.bools(key) }),
      ("array of integer", integerKinds, true, { _ = try metadata.ints(key) }),
      ("array of float", [.float32, .float64], true, { _ = try metadata.floats(key) }),
    ]
    for accessor in accessors {
      let fits: Bool
      if case .array(let array) = value {
        fits = accessor.arrays && accessor.accepts.contains(array.elementKind)
      } else {
        fits = !accessor.arrays && accessor.accepts.contains(value.kind)
      }
      guard !fits else { continue }
      let error = GGUFError.wrongType(
        file: "memory", key: key, expected: accessor.expected, found: value.typeName)
      #expect(throws: error) { try accessor.call() }
    }
  }

  private let integerKinds: [MetadataKind] = [
    .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64,
  ]

  @Test func valuesThatDoNotFit() {
    let metadata = Self.metadata
    func outOfRange(_ key: String, _ expected: String, _ found: String) -> GGUFError {
      .valueOutOfRange(file: "memory", key: key, expected: expected, found: found)
    }
    let most = "at most 9223372036854775807"
    #expect(throws: outOfRange("huge", most, "18446744073709551615")) { try metadata.int("huge") }
    #expect(throws: outOfRange("huges", most, "18446744073709551615")) { try metadata.ints("huges") }
    let single = "a single-precision float"
    #expect(throws: outOfRange("wide", single, "1e+300")) { try metadata.float("wide") }
    #expect(throws: outOfRange("wides", single, "1e+300")) { try metadata.floats("wides") }
  }

  @Test func typeNames() {
    #expect(MetadataValue.uint8(1).typeName == "uint8")
    #expect(MetadataValue.float64(1).typeName == "float64")
    #expect(MetadataValue.array(.string([])).typeName == "array of string")
    #expect(MetadataValue.array(.array([])).typeName == "array of array")
  }

  @Test func literalKeepsTheOrder() {
    let metadata: Metadata = ["b": .bool(true), "a": .bool(false)]
    #expect(metadata.keys == ["b", "a"])
    #expect(metadata.count == 2)
  }
}
