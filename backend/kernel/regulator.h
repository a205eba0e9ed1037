/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regulator.h - how fast a guest's threads may burn, found from nothing but whether the
 * accountant denies the guest or not.  Pure.
 *
 * From one end of a denial to another, what was burned on average is what can be burned
 * for ever.  A little more than that while it is not denied, less while it is, and the
 * accountant, which forgets nothing, sees to it that the mean is the limit's.
 */
#ifndef KERNEL_REGULATOR_H
#define KERNEL_REGULATOR_H

#include <stdbool.h>
#include <stdint.h>

#define REGULATOR_PERIOD_MS 100u /* between two steps, about */
#define REGULATOR_LEAST 1000000u /* ns/s */

/* Zeroed: new. */
struct regulator {
	uint64_t rate; /* ns/s of the threads, for ever; 0: nothing known */
	uint64_t quota; /* ns/s, now */
	bool known; /* it was denied once: rate is no guess */
	bool denied;
	uint64_t at, used; /* ns: of the last step */
	uint64_t changed; /* ns: when it began to be denied, or ceased to be */
	uint64_t from, from_used; /* the last end of a denial that counts */
};

/*
 * A step.  now: ns of a clock; used: ns, all that the guest's threads have burned; they are
 * denied, or not.  Returns r->quota.
 */
uint64_t regulator_step(struct regulator *r, uint64_t now, uint64_t used, bool denied);

/* No limit holds for now: what is known stays, what is measured begins anew. */
void regulator_rest(struct regulator *r);

#endif
