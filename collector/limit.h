/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit.h - what may be charged for a driver domain: no more than the CPU
 * time that the hypervisor says it burned.  Pure.
 *
 * Ledgers name driver domains by number, so the limit is a number's: the CPU
 * of the domain that has it, and of those that had it before.
 */
#ifndef COLLECTOR_LIMIT_H
#define COLLECTOR_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* A ledger that is met with more than this, 36 years of CPU, lies. */
#define LIMIT_BEFORE_MAX (UINT64_C(1) << 60)

struct limit {
	uint16_t b;
	uint8_t uuid[16]; /* of the domain that has the number, or had it last */
	uint64_t cpu_ns; /* its CPU, as last seen */
	uint64_t ended_ns; /* CPU of those that had the number before */
	bool saved;
};

uint64_t limit_add(uint64_t a, uint64_t b); /* saturates */
/* The domain is this one now; another one's CPU begins anew. */
void limit_owner(struct limit *l, const uint8_t uuid[16]);
void limit_see(struct limit *l, uint64_t cpu_ns);

enum limit_verdict {
	LIMIT_FITS,
	LIMIT_BEFORE, /* first meeting: *before_ns was charged before we could measure */
	LIMIT_OVER,
};

/*
 * `sum`: charged for the number by all accountants; `before`: of that, found
 * when they were met; `first`: this accountant was never heard about it.
 */
enum limit_verdict limit_judge(const struct limit *l, uint64_t before, uint64_t sum, bool first,
			       uint64_t *before_ns);

#endif
