/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lane, as its poster and the control thread know it.
 *
 * The first part belongs to the posting thread, the last to whoever holds
 * the link's lock; `move`, `at` and `stop` are how the two meet.
 */
#ifndef RING_LANE_H
#define RING_LANE_H

#include "ring/spill.h"

#include <time.h>

struct acctring;
struct pages;

/* One lane's pages. */
struct lane_pages {
	struct acctring_lane_page *page;
	struct acctring_record *ring; /* NULL with 0 slots */
	struct acctring_lane_reply_page *kreply; /* the accountant's */
};

/* A payer that is denied: since when, by the counter; what it had spent then. */
struct denial {
	uint64_t since, spent;
};

struct lane {
	struct acctring_lane pub; /* first: the inline functions' part */

	/* the posting thread's */
	struct spill spill;
	const struct acctring_reply_page *kpeer; /* `alive` of the accountant */
	uint64_t lease; /* longest lease believed, in cycles */
	struct denial *denied; /* by payer number; NULL: nobody is let through for its time */
	uint32_t slots; /* as opened: pub's are 0 after fork */
	uint32_t payers;
	bool dead; /* child of a fork */
	unsigned int number;

	/* shared by the posting and the control thread */
	struct pages *move; /* where to go at the next slow path */
	struct pages *at; /* where we are; stored by who moved the lane */
	uint64_t spilled_before; /* spilled in earlier epochs */
	uint32_t basis; /* of its clock; stored while it is closed */

	/* under the link's lock */
	struct acctring *link;
	struct pages *asked; /* the last that was put into `move` */
	bool open;
	bool used; /* was ever open */
	bool clock_ok;
	bool clock_given; /* by acctring_lane_clock(), not the thread's */
	uint64_t given_ns; /* what it says */
	clockid_t clock; /* of the posting thread */
	uint64_t clock_at_open;
	uint64_t cpu_before; /* of earlier threads */
	uint64_t cpu_ns; /* of all threads, as last published */
	uint64_t cpu_base; /* of that, published in earlier epochs */
	uint64_t cpu_epoch;
	uint32_t prod_seen;
	uint64_t recorded; /* prod, extended */
	struct pages *counted; /* whose `prod` was last counted */
	uint64_t spilled;
} __attribute__((aligned(ACCTRING_LINE)));

/* Lets the lane post to these pages, from position 0 on. */
void lane_bind(struct lane *l, const struct lane_pages *to, uint32_t slots, uint32_t payers,
	       unsigned int rows);

/*
 * Copies what the lane holds, and how far the accountant had committed it, to
 * other pages and posts there from now on.
 */
void lane_copy(struct lane *l, const struct lane_pages *from, const struct lane_pages *to);

/* Goes where `move` says, if anywhere: on the lane's thread, or its owner's. */
void lane_move(struct lane *l);

/* In the child of a fork: every call goes the slow path and returns. */
void lane_kill(struct lane *l);

/* Publishes the lane's CPU clock; under the link's lock. */
void lane_publish_cpu(struct lane *l);

/* Extends `prod` to 64 bits; under the link's lock. */
void lane_count(struct lane *l);

/* Posts that are not acknowledged; a lie counts as much as the ring holds. */
uint64_t lane_pending(const struct lane *l);
uint64_t lane_pages_pending(const struct lane_pages *lp, uint32_t slots);

void lane_shut(struct lane *l);

#endif
