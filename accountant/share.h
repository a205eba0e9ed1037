/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * share.h - fair shares of a driver domain among those whom it serves, by what they cost
 * it and by weight, without a number to configure.  Pure; docs/debt.md.
 *
 * Nothing is limited until the driver domain is busier than SHARE_BUSY and two or more
 * use it.  Then the rate of all together is lowered until it is that busy, so that
 * queues do not fill, and divided max-min fairly: who uses less than his part is not limited,
 * the others are, each to the same rate by weight.  Rates are limits for guard_step().
 */
#ifndef ACCOUNTANT_SHARE_H
#define ACCOUNTANT_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_BUSY 900000u /* of 1000000 */
#define SHARE_REST 800000u /* below that, nothing is limited any more */

/* One who is served; zeroed: new. */
struct share_vm {
	uint64_t weight; /* 1..65535; 0: never limited (dom0, a driver domain) */
	uint64_t charged; /* in all, so far; or claimed, where charges come late */
	uint64_t rate; /* out: its limit, ns of CPU in a second; 0: none */
	uint64_t seen, use; /* charged at the last step; rate, smoothed over 100 ms */
	bool known;
};

struct share {
	uint64_t busy; /* of 1000000, smoothed over 100 ms */
	uint64_t total; /* rate of all together; 0: nothing is limited */
};

/*
 * A tick.  busy_ns of can_ns: CPU time that the driver domain ran or wanted to run, of
 * what its vCPUs have.  false: no memory, nothing changed.
 */
bool share_step(struct share *s, struct share_vm *vm, size_t n, uint64_t busy_ns, uint64_t can_ns,
		uint64_t tick_ns);

#endif
