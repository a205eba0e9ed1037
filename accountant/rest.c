/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rest.c - see rest.h.
 */
#include "accountant/rest.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000u
#define MOST (int64_t) SECOND /* that less than idle is carried */
#define LITTLE (SECOND / 200) /* claimed in a second, is no use of it */

static void carry(struct rest *r, uint64_t ns, uint64_t dt_ns)
{
	r->pool_ns += (int64_t)ns - (int64_t)(r->idle * (dt_ns / 1000) / (SECOND / 1000));
	if (r->pool_ns < -MOST)
		r->pool_ns = -MOST;
	if (!r->known)
		r->pool_ns = 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * Seconds differ by a tenth and more, and in some of them a device comes or a program runs: the
 * mean of their middle half.
 */
static uint64_t middle(const struct rest *r)
{
	uint64_t sorted[REST_SECONDS], sum = 0;
	unsigned int n = r->seconds < REST_SECONDS ? r->seconds : REST_SECONDS, from = n / 4;

	memcpy(sorted, r->second, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	for (unsigned int i = from; i < n - from; i++)
		sum += sorted[i];
	return sum / (n - 2 * from);
}

/*
 * What was used before is still being claimed, and claims come in lumps: the first second without
 * any teaches nothing, and what is burned in it is paid with the next.
 */
static void learn(struct rest *r, uint64_t ns, uint64_t dt_ns)
{
	if (r->since_use_ns < SECOND) {
		r->since_use_ns += dt_ns;
		carry(r, ns, dt_ns);
		return;
	}
	r->pool_ns = 0;
	r->quiet_ns += dt_ns;
	r->quiet_rest_ns += ns;
	if (r->quiet_ns < SECOND)
		return;
	r->second[r->seconds++ % REST_SECONDS] =
		r->quiet_rest_ns * 1000 / (r->quiet_ns / (SECOND / 1000));
	r->idle = middle(r);
	r->known = true;
	r->quiet_ns = r->quiet_rest_ns = 0;
}

/* A guest that is there sends a frame now and then: with any at all idle would never be learned. */
static bool is_used(struct rest *r, uint64_t claimed_ns, uint64_t dt_ns)
{
	uint64_t forgotten = dt_ns / (SECOND / LITTLE);

	r->little_ns -= forgotten < r->little_ns ? forgotten : r->little_ns;
	if (claimed_ns <= LITTLE - r->little_ns) {
		r->little_ns += claimed_ns;
		return false;
	}
	r->little_ns = LITTLE;
	return claimed_ns > 0;
}

uint64_t rest_take(struct rest *r, uint64_t ns, uint64_t dt_ns, uint64_t claimed_ns)
{
	uint64_t take;

	/* we slept, or it is the first time */
	if (dt_ns > 10ull * SECOND || ns > 100000ull * SECOND)
		return 0;
	if (!is_used(r, claimed_ns, dt_ns)) {
		learn(r, ns, dt_ns);
		return 0;
	}
	r->since_use_ns = r->quiet_ns = r->quiet_rest_ns = 0;
	carry(r, ns, dt_ns);
	if (r->pool_ns <= 0)
		return 0;
	take = (uint64_t)r->pool_ns;
	r->pool_ns = 0;
	return take;
}
