/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing spill rows: where posts go that find no place in the ring.
 *
 * Pure: pages in, pages out.  Wait-free, at most two times 61 probes.
 * docs/protocol.md, section 4.3.
 */
#ifndef RING_SPILL_H
#define RING_SPILL_H

#include <acctring/acctring.h>

#define SPILL_HINTS 256u

struct spill {
	struct acctring_lane_page *page; /* ours */
	const struct acctring_lane_reply_page *kreply; /* the accountant's */
	uint64_t spilled; /* posts that went to rows; the page has the low bits */
	uint64_t acked; /* of those, acknowledged: never ahead of the truth */
	uint32_t used; /* rows that have a key */
	uint32_t limit; /* rows that may have one; tests take fewer */
	uint64_t last[ACCTRING_ROWS]; /* `spilled` after the row's last post */
	uint32_t key[ACCTRING_ROWS];
	uint32_t seq[ACCTRING_ROWS];
	uint8_t hint[SPILL_HINTS]; /* row where a key was last, by hash */
};

void spill_init(struct spill *s, struct acctring_lane_page *page,
		const struct acctring_lane_reply_page *kreply, unsigned int limit);

/* The same rows on other pages, which hold a copy already. */
void spill_rebind(struct spill *s, struct acctring_lane_page *page,
		  const struct acctring_lane_reply_page *kreply);

void spill_post(struct spill *s, const struct acctring_cost *c);

#endif
