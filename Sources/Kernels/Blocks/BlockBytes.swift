// Reading and writing the fields of a block. Blocks lie in a mapped file at any address, little endian.

extension UnsafeRawPointer {
  /// The Float16 at `offset`, widened to float32 (exact).
  @inline(__always) func half(at offset: Int) -> Float {
    Float(Float16(bitPattern: UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))))
  }

  @inline(__always) func byte(at offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }

  @inline(__always) func signedByte(at offset: Int) -> Int8 { load(fromByteOffset: offset, as: Int8.self) }

  @inline(__always) func word16(at offset: Int) -> UInt16 {
    UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  @inline(__always) func word32(at offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The 4-bit number `index` of those packed two to a byte from `offset` on, low half first.
  @inline(__always) func nibble(at offset: Int, _ index: Int) -> UInt8 {
    byte(at: offset + index / 2) >> UInt8(4 * (index % 2)) & 15
  }
}

extension UnsafeMutableRawPointer {
  @inline(__always) func storeHalf(_ value: Float, at offset: Int) {
    storeBytes(of: Float16(value).bitPattern.littleEndian, toByteOffset: offset, as: UInt16.self)
  }

  @inline(__always) func storeByte(_ value: UInt8, at offset: Int) {
    storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }

  @inline(__always) func storeWord32(_ value: UInt32, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
  }
}
