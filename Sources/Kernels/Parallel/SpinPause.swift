#if arch(x86_64)
  import _Builtin_intrinsics.intel

  /// The PAUSE instruction (baseline x86-64).
  @inline(__always) func spinPause() { _mm_pause() }
#endif
