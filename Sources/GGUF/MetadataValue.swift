/// One metadata value of a GGUF file. Source: `gguf_metadata_value_type` in the GGUF specification.
package enum MetadataValue: Sendable, Equatable {
  case uint8(UInt8)
  case int8(Int8)
  case uint16(UInt16)
  case int16(Int16)
  case uint32(UInt32)
  case int32(Int32)
  case float32(Float)
  case bool(Bool)
  case string(String)
  case array(MetadataArray)
  case uint64(UInt64)
  case int64(Int64)
  case float64(Double)
}

/// A metadata array, typed as a whole so that a vocabulary of 150 000 strings is one allocation of elements.
package enum MetadataArray: Sendable, Equatable {
  case uint8([UInt8])
  case int8([Int8])
  case uint16([UInt16])
  case int16([Int16])
  case uint32([UInt32])
  case int32([Int32])
  case float32([Float])
  case bool([Bool])
  case string([String])
  case array([MetadataArray])
  case uint64([UInt64])
  case int64([Int64])
  case float64([Double])
}
