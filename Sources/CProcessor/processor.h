// The one instruction that Swift has no name for: it tells the processor that a loop only waits.
#ifndef MULLAMA_CPROCESSOR_H
#define MULLAMA_CPROCESSOR_H

static inline void mullama_spin_hint(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

#endif
