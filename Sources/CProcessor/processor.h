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

// The same, no nearer than the second-level cache.
static inline void mullama_prefetch_far(const void *address) { __builtin_prefetch(address, 0, 2); }

// The same, to be written.
static inline void mullama_prefetch_write(const void *address) { __builtin_prefetch(address, 1); }

// Loads and stores before it stay before it, and stored values are not kept in registers: the compiler would otherwise move
// loads so far ahead that it runs out of registers.
static inline __attribute__((__always_inline__)) void mullama_in_order(void) { __asm__ volatile("" : : : "memory"); }

#if defined(__AVX512F__)
// Moves of 512 bits that the compiler's own headers have as macros, which Swift cannot import.
typedef long long mullama_half __attribute__((__vector_size__(32)));
typedef long long mullama_wide __attribute__((__vector_size__(64)));

// The compiler would merge these moves with others before them, and need more instructions for it.
#define MULLAMA_KEEP(a, b) __asm__("" : "+v"(a), "+v"(b))

// `low` and `high` side by side (vinserti64x4).
static inline __attribute__((__always_inline__)) mullama_wide mullama_join(mullama_half low, mullama_half high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}

// Quarters 0 and 2 of `a`, then those of `b` (vshufi64x2).
static inline __attribute__((__always_inline__)) mullama_wide mullama_even_quarters(mullama_wide a, mullama_wide b) {
  MULLAMA_KEEP(a, b);
  return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
}

// Quarters 1 and 3 of `a`, then those of `b`.
static inline __attribute__((__always_inline__)) mullama_wide mullama_odd_quarters(mullama_wide a, mullama_wide b) {
  MULLAMA_KEEP(a, b);
  return __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
}
#endif

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/// Gives memory that was freed back to the system, where the C library keeps it otherwise.
static inline void mullama_give_back_freed(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

#endif
