/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory orders of the protocol.  Besides the fast path in acctring.h
 * this is the only file that names them.  The labels at the uses (P1 -> D1)
 * are those of docs/protocol.md, section 4.
 *
 * Pointers into memory that the peer can write begin with k (kreply, kpage):
 * who dereferences one reads what a liar may have put there.
 */
#ifndef RING_BARRIER_H
#define RING_BARRIER_H

#include <stdint.h>

/* A word of a shared page, whatever structure it is part of there. */
typedef uint64_t __attribute__((__may_alias__)) ring_word;

#define ld_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define ld_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define st_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define st_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define swap_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

/* Nothing that was read before this is read again after it. */
#define compiler_barrier() __asm__ volatile("" ::: "memory")

#if defined(__SANITIZE_THREAD__)
#define RING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RING_TSAN 1
#endif
#endif

#ifdef RING_TSAN
/* ThreadSanitizer knows no fences; all that they order is atomic anyway. */
static inline void fence_full(void)
{
	unsigned int x = 0;

	(void)__atomic_exchange_n(&x, 1, __ATOMIC_SEQ_CST);
}
#define fence_release() fence_full()
#define fence_acquire() fence_full()
#else
#define fence_full() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#define fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

#endif
