// The two instructions that Swift has no name for.
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

#endif
