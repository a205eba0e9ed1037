/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rest.h - what a driver domain burned and nobody claimed: whose is it?  Pure.
 *
 * Interrupts, wake-ups and kernel threads are on no lane's clock, nor is acctringd.  Something of that is
 * burned when nobody uses the domain, too: its idle rate, learned in seconds without any
 * use.  What is beyond it, while VMs use the domain, is a pool that they share
 * (BASIS_POOL), if the operator says so: a backup that runs in the domain meanwhile is in it.
 */
#ifndef ACCOUNTANT_REST_H
#define ACCOUNTANT_REST_H

#include <stdbool.h>
#include <stdint.h>

#define REST_SECONDS 32u /* without use: of these idle is learned */

struct rest {
	bool known; /* the idle rate */
	uint64_t idle; /* ns a second */
	unsigned int seconds; /* learned, and the last of them: ns a second */
	uint64_t second[REST_SECONDS];
	uint64_t quiet_ns, quiet_rest_ns; /* without use, and unclaimed in it */
	uint64_t since_use_ns;
	uint64_t little_ns; /* claimed in the last second, about */
	int64_t pool_ns; /* beyond idle, and not paid yet; less than 0: less was burned */
	uint64_t got_ns, at_ns; /* charge.c: unclaimed since then */
};

/*
 * In the last dt_ns, ns were unclaimed, and VMs were charged claimed_ns; up to 5 ms in a second that is no use.
 * Returns what is for those who used it to pay; 0 while the idle rate is not known.
 */
uint64_t rest_take(struct rest *r, uint64_t ns, uint64_t dt_ns, uint64_t claimed_ns);

#endif
