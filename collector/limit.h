/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit.h - what may be charged for a driver domain: no more than the CPU
 * time that the hypervisor says it burned.  Pure.
 *
 * Ledgers name driver domains by number, so the limit is a number's: the CPU
 * of the domain that has it, and of those that had it before.
 *
 * A ledger may be older than what we know: the host rebooted, or the domain
 * did under a number that was used before.  Of what it says when it is first
 * read nobody can tell the honest part from an invented one.  What fits is
 * taken; else all of it is the base from which its growth is counted.
 */
#ifndef COLLECTOR_LIMIT_H
#define COLLECTOR_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
	uint16_t b;
	uint8_t uuid[16]; /* of the domain that has the number, or had it last */
	uint64_t cpu_ns; /* its CPU, as last seen */
	uint64_t ended_ns; /* CPU of those that had the number before */
	uint64_t spent_ns; /* billed to VMs that are forgotten */
	bool saved;
};

uint64_t limit_add(uint64_t a, uint64_t b); /* saturates */
/* The domain is this one now; another one's CPU begins anew. */
void limit_owner(struct limit *l, const uint8_t uuid[16]);
void limit_see(struct limit *l, uint64_t cpu_ns);

enum limit_verdict {
	LIMIT_FITS,
	LIMIT_BASE, /* all fits but what is read for the first time */
	LIMIT_OVER,
};

uint64_t limit_may(const struct limit *l);
/*
 * `known`: charged for the number by all accountants, above the bases, in rows
 * that were read before; `first`: in rows that are read for the first time.
 */
enum limit_verdict limit_judge(const struct limit *l, uint64_t known, uint64_t first);

#endif
