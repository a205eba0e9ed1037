/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading one lane: records and spill rows, from pages of a peer that may
 * lie.  Pure: pages in, items out.  docs/protocol.md, section 4.4.
 */
#ifndef RING_DRAIN_H
#define RING_DRAIN_H

#include <acctring/accountant.h>

struct drain {
	const struct acctring_lane_page *kpage;
	const struct acctring_record *kring; /* NULL with 0 slots */
	uint32_t slots;
	uint32_t payers; /* payer numbers are below */
	uint16_t lane;
	bool rebase; /* take the rows as they are for billed, once here */
	uint64_t rebased; /* rows that were so taken */
	uint64_t skipped; /* spilled posts that were, unacknowledged */
	bool scanned; /* the rows were looked at since we began */
	struct acctring_lane_state s;
	const char *reason; /* of the quarantine, NULL while all is well */
};

/* Starts at position 0 with nothing billed; s may be overwritten after it. */
void drain_init(struct drain *d, const struct acctring_lane_page *kpage,
		const struct acctring_record *kring, uint32_t slots, uint32_t payers,
		unsigned int lane);

/* As acctring_drain(), for the one lane. */
int64_t drain_lane(struct drain *d, acctring_drain_fn *fn, void *ctx, unsigned int flags);

/* Before C0: what C2 will tell. */
void drain_prepare(const struct drain *d, struct acctring_lane_reply_page *kreply);

/* C2: tells the poster what is durable. */
void drain_commit(const struct drain *d, struct acctring_lane_reply_page *kreply);

#endif
