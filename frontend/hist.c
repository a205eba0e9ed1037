/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/hist.h"

/* Values below HIST_SUB are exact; above, 4 bits after the leading one. */
static unsigned int bucket_of(uint64_t v)
{
	unsigned int top;

	if (v < HIST_SUB)
		return (unsigned int)v;
	top = 63 - (unsigned int)__builtin_clzll(v);
	return (top - 3) * HIST_SUB + (unsigned int)(v >> (top - 4) & (HIST_SUB - 1));
}

static uint64_t bucket_end(unsigned int b)
{
	unsigned int shift;

	if (b < HIST_SUB)
		return b;
	shift = b / HIST_SUB - 1;
	return ((uint64_t)(HIST_SUB + b % HIST_SUB + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
	h->n++;
	h->bucket[bucket_of(ns)]++;
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
	double want = (double)h->n * percent / 100;
	uint64_t sum = 0;
	unsigned int b;

	for (b = 0; b < 64 * HIST_SUB; b++) {
		sum += h->bucket[b];
		if (sum && (double)sum >= want)
			return bucket_end(b);
	}
	return 0;
}
