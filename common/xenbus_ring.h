/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xenbus_ring.h - what xen/io/ring.h wants to have before it is included:
 * the barriers between two domains.  Include this, then xen/io/blkif.h or
 * netif.h.
 *
 * Not C11 fences: the peer is another kernel, and ThreadSanitizer neither
 * sees it nor knows fences.
 */
#ifndef COMMON_XENBUS_RING_H
#define COMMON_XENBUS_RING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xen/xen.h>

#define XENBUS_PAGE 4096u

#if defined(__x86_64__)
#define xenbus_mb() __asm__ volatile("mfence" ::: "memory")
#define xenbus_rmb() __asm__ volatile("" ::: "memory")
#define xenbus_wmb() __asm__ volatile("" ::: "memory")
#elif defined(__aarch64__)
#define xenbus_mb() __asm__ volatile("dmb ish" ::: "memory")
#define xenbus_rmb() __asm__ volatile("dmb ishld" ::: "memory")
#define xenbus_wmb() __asm__ volatile("dmb ishst" ::: "memory")
#endif

#undef xen_mb
#undef xen_rmb
#undef xen_wmb
#define xen_mb() xenbus_mb()
#define xen_rmb() xenbus_rmb()
#define xen_wmb() xenbus_wmb()

/* One load of an index that the peer may change at any moment. */
static inline uint32_t xenbus_index(const uint32_t *kindex)
{
	return *(const volatile uint32_t *)kindex;
}

#endif
