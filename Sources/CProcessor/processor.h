// The instructions that Swift has no name for.
#ifndef MULLAMA_CPROCESSOR_H
#define MULLAMA_CPROCESSOR_H

// Tells the processor that a loop only waits.
static inline void mullama_spin_hint(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// Begins to fetch the cache line at an address, which need not exist.
static inline void mullama_prefetch(const void *address) { __builtin_prefetch(address); }

#if defined(__AVX512VL__) && defined(__AVX512VNNI__)
typedef long long mullama_lanes __attribute__((__vector_size__(32)));

// `sums` + four products of an unsigned and a signed byte in each of eight 32-bit lanes (vpdpbusd). The compiler's own
// headers have it as a macro, which Swift cannot import.
static inline __attribute__((__always_inline__)) mullama_lanes mullama_dot_bytes(mullama_lanes sums, mullama_lanes a,
                                                                                mullama_lanes b) {
  typedef int words __attribute__((__vector_size__(32)));
  return (mullama_lanes)__builtin_ia32_vpdpbusd256((words)sums, (words)a, (words)b);
}
#endif

#endif
