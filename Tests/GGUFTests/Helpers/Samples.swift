import GGUF

/// One value of every type, with the extremes of each, and arrays of each.
let everyValue: [(key: String, value: MetadataValue)] = [
  ("uint8", .uint8(.max)), ("int8", .int8(.min)), ("uint16", .uint16(.max)), ("int16", .int16(.min)),
  ("uint32", .uint32(.max)), ("int32", .int32(.min)), ("uint64", .uint64(.max)), ("int64", .int64(.min)),
  ("float32", .float32(-1.5e-30)), ("float64", .float64(.greatestFiniteMagnitude)),
  ("false", .bool(false)), ("true", .bool(true)),
  ("empty", .string("")), ("short", .string("Ġhi")),
  ("long", .string("mehr als fünfzehn Bytes: 日本語 🦙\u{0}\n")),
  ("array.uint8", .array(.uint8([0, 1, 255]))), ("array.int8", .array(.int8([-128, 0, 127]))),
  ("array.uint16", .array(.uint16([0, .max]))), ("array.int16", .array(.int16([.min, .max]))),
  ("array.uint32", .array(.uint32([0, .max]))), ("array.int32", .array(.int32([.min, .max]))),
  ("array.uint64", .array(.uint64([0, .max]))), ("array.int64", .array(.int64([.min, .max]))),
  ("array.float32", .array(.float32([0, -0.1, .infinity]))), ("array.float64", .array(.float64([0.1, .pi]))),
  ("array.bool", .array(.bool([true, false, true]))),
  ("array.string", .array(.string(["", "a", "Ġthe", "twenty-two bytes and more"]))),
  ("array.empty", .array(.string([]))),
  ("array.array", .array(.array([.uint8([1, 2]), .string(["x"]), .array([.bool([true]), .array([])])]))),
]

/// A small file of everything: each metadata type, and tensors of several types and ranks.
func sampleWriter() -> GGUFWriter {
  var writer = GGUFWriter()
  for (key, value) in everyValue { writer.add(key, value) }
  writer.addTensor("vector", type: .f32, dimensions: [3], bytes: Array(0..<12))
  writer.addTensor("matrix", type: .q8_0, dimensions: [32, 2], bytes: Array(0..<68))
  writer.addTensor("cube", type: .i8, dimensions: [2, 3, 1, 2], bytes: Array(100..<112))
  return writer
}
