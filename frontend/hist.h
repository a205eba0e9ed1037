/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hist.h - a histogram of latencies, error below 1/16.  Pure.
 */
#ifndef FRONTEND_HIST_H
#define FRONTEND_HIST_H

#include <stdint.h>

#define HIST_SUB 16u /* buckets for each power of two */

struct hist {
	uint64_t n;
	uint64_t bucket[64 * HIST_SUB];
};

void hist_add(struct hist *h, uint64_t ns);
/* Upper bound of the bucket below which `percent` of the values lie; 0: none. */
uint64_t hist_percentile(const struct hist *h, double percent);

#endif
