/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meter.h - what each frame of a batch has cost.  The thread's CPU clock is
 * dear, a system call, so it is read once for the batch; what was burned is
 * divided by the cycle counter, and what belongs to no frame in particular
 * (events, indices, notifications) goes with it.
 */
#ifndef BACKEND_NET_METER_H
#define BACKEND_NET_METER_H

#include "backend/bill.h"

#define METER_ENTRIES 64u

struct meter_entry {
	const struct payer *payer;
	struct acctring_cost c; /* ns: what was burned for it before */
	uint64_t cycles;
};

struct meter {
	struct acctring_lane *lane;
	uint64_t clock; /* the thread's, when last read */
	uint64_t mark; /* the counter, when last read */
	uint64_t aside; /* ns since then that are posted already */
	unsigned int n;
	struct meter_entry entry[METER_ENTRIES];
};

/* From here on; what was burned before is nobody's. */
void meter_begin(struct meter *m, struct acctring_lane *lane);
/* Cycles since the last lap. */
uint64_t meter_lap(struct meter *m);
/* One more frame; there is room for METER_ENTRIES between two settlements. */
struct meter_entry *meter_add(struct meter *m, const struct payer *p, uint8_t klass);
/* Ends a frame's work: `cycles` are its own. */
void meter_work(struct meter *m, struct meter_entry *e, uint64_t cycles);
/* Posts at once what is another's than who is being served; c->ns: as an entry's. */
void meter_post(struct meter *m, const struct payer *p, struct acctring_cost *c, uint64_t cycles);
/*
 * Posts the entries, and `idle` ns with the first of them.  Returns the ns
 * burned since the last settlement; with no entry they are the caller's to post.
 */
uint64_t meter_settle(struct meter *m, uint64_t idle);

#endif
