/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guard.h - what a VM may make a driver domain spend: allowances for its lanes.  Pure.
 * docs/debt.md derives the bounds; docs/protocol.md, "Allowance": what a lane does with them.
 *
 * Rates are ns of CPU in a second of time.  A limit counts *charged* CPU; lanes count what
 * they post (*claimed*).  The ratio of the two is measured, and what it was wrong
 * by is made good.
 *
 * A token bucket per VM and driver domain: in any time t a VM is charged at most
 *
 *	rate (t + burst) + one request per lane
 *
 * however late we see what it spent, for lanes compare with what we gave and not with what
 * we know.  The bucket is divided over the VM's lanes: three quarters of it evenly, so that each
 * can begin at once, the rest to those that spend.  What a lane was given is not taken back.
 */
#ifndef ACCOUNTANT_GUARD_H
#define ACCOUNTANT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_LEASE_MS 1000u /* past that, the lane is open */
#define GUARD_DENY_MS 900u /* of rate: what is overspent by more than that is let go */

#define GUARD_BURST_MS 70u /* of rate: bucket and tick, so that no second is above 1.1 of it */

/* A lane on which the VM has a payer row; zeroed: new. */
struct guard_lane {
	uint64_t spent; /* in: claimed on this lane for the VM, in all, as far as seen */
	uint64_t allowed; /* out: may have spent so much; 0: no limit */
	uint64_t seen, recent; /* of the last step; claimed lately */
	bool known;
};

/* A VM at a driver domain; zeroed: new. */
struct guard {
	int64_t level; /* charged ns that it may still spend; below 0: overspent */
	uint64_t rest; /* of rate * time, 1/10^9 ns */
	uint64_t charged; /* of the last step */
	int64_t error; /* charged less what was taken off the level for it */
	uint64_t charged_sum, claimed_sum; /* decaying: their ratio */
	uint64_t pending, pending_ns; /* claimed, and time, since it was last charged */
	uint64_t let_go_ns; /* sum: overspent, and not made good */
	bool known, limited;
};

/*
 * A tick of at most GUARD_BURST_MS/2 (a longer one gains no more).  `rate` 0: no limit, lanes are
 * opened; the ratio is measured all the same.  `charged`: to the VM at this driver domain, in all.
 * false: no memory; nothing happened, the lanes' allowances stand until their leases end.
 */
bool guard_step(struct guard *g, uint64_t rate, uint64_t charged, struct guard_lane *lane,
		size_t lanes, uint64_t tick_ns);

/* The lower of two limits, of which 0 is none. */
uint64_t guard_lower(uint64_t a, uint64_t b);

#endif
