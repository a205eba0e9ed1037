/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pass.c - see pass.h.  What is to be passed on wanders until it rests; each round leaves
 * the part of own work behind, or ends at domains that pay.
 */
#include "collector/pass.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* One domain's, by prefix sums: the parts add up exactly. */
static void hand_on(const struct pass *p, uint64_t ns, uint64_t *next, uint64_t *rest, size_t n)
{
	wide all = p->own, upto = 0;
	uint64_t given = 0, here;
	unsigned int shift = 0;

	for (size_t i = 0; i < n; i++)
		all += p->ledger[i];
	while (all >> shift >> 63)
		shift++; /* so that the products fit */
	for (size_t i = 0; i < n && all; i++) {
		if (!p->ledger[i])
			continue;
		upto += p->ledger[i];
		here = (uint64_t)(ns * (upto >> shift) / (all >> shift));
		next[i] += here - given;
		given = here;
	}
	*rest += ns - given;
}

static bool round_of(const struct pass *const *by, uint64_t *wander, uint64_t *next, uint64_t *rest,
		     size_t n)
{
	bool any = false;

	memset(next, 0, n * sizeof(*next));
	for (size_t i = 0; i < n; i++) {
		if (!wander[i])
			continue;
		if (by[i]) {
			hand_on(by[i], wander[i], next, &rest[i], n);
			any = true;
		} else {
			rest[i] += wander[i];
		}
	}
	memcpy(wander, next, n * sizeof(*next));
	return any;
}

bool pass_on(const struct pass *const *by, uint64_t *paid, size_t n)
{
	uint64_t *wander = calloc(3 * n + 1, sizeof(*wander));
	uint64_t *next, *rest;
	bool any = true;

	if (!wander)
		return false;
	next = wander + n;
	rest = next + n;
	memcpy(wander, paid, n * sizeof(*paid));
	for (int i = 0; i < PASS_ROUNDS && any; i++)
		any = round_of(by, wander, next, rest, n);
	for (size_t i = 0; i < n; i++)
		paid[i] = rest[i] + wander[i];
	free(wander);
	return true;
}
