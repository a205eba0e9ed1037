/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maxmin.h - what is scarce, divided max-min fairly by weight.  Pure.
 */
#ifndef COMMON_MAXMIN_H
#define COMMON_MAXMIN_H

#include <stddef.h>
#include <stdint.h>

struct maxmin {
	uint64_t weight; /* at most 2^32 */
	uint64_t want; /* no more than that is of use to it */
	uint64_t part; /* result */
};

/*
 * Nobody gets more than he wants; who gets less than that gets as much by weight as anybody
 * at most.  Parts add up to `total`, or to what all want, less at most 1 each; n rounds
 * at most.  Who has no weight gets nothing.  The sums of weights and of wants must fit 64 bits.
 */
void maxmin(uint64_t total, struct maxmin *m, size_t n);

#endif
