/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spread.h - time of contexts that work for all, divided among those for whom
 * they were seen to work in the same period.  Pure.
 */
#ifndef BPF_SPREAD_H
#define BPF_SPREAD_H

#include <stdint.h>

#include "backend/kernel/bpf/shared.h"
#include "backend/kernel/cost.h"

/* What one has in each context: ns that are its own, units: times that it was seen there. */
struct share {
	struct share *next; /* of those that have something in this period */
	int active;
	uint64_t pool_ns; /* of all that is its own: divided here */
	struct kcost in[BPF_POOLS];
};

/* What is nobody's yet. */
struct pools {
	uint64_t ns[BPF_POOLS];
	uint64_t irq_count; /* interrupts that nobody claimed, */
	uint64_t device_ns, device_count; /* and, not in ns[BPF_IN_IRQ], those of disks and cards */
};

/*
 * Divides p among the shares; `host`, one of them, gets what nobody was seen
 * to cause.
 */
void spread(const struct pools *p, struct share *shares, struct share *host);
uint64_t share_total(const struct share *s);

#endif
