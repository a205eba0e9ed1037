/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * basis.c - see basis.h.  What is moved is rounded by prefix sums, as in divide.c: a step of
 * floor(ns * upto / all) is at most what was added to `upto`, since ns <= all.
 */
#include "common/basis.h"

#include "common/divide.h"

#include <stddef.h>

const char *basis_name(enum basis b)
{
	static const char *const name[BASES] = {
		[BASIS_THREAD] = "thread",
		[BASIS_DIRECT] = "direct",
		[BASIS_POOL] = "pool",
		[BASIS_MODEL] = "model",
	};

	return name[b < BASES ? b : BASIS_MODEL];
}

uint64_t basis_sum(const uint64_t of[BASES])
{
	uint64_t sum = 0;

	for (unsigned int b = 0; b < BASES; b++)
		sum += of[b];
	return sum;
}

void basis_add(uint64_t to[BASES], uint64_t *all, enum basis b, uint64_t ns)
{
	uint64_t room = UINT64_MAX - *all;

	if (ns > room)
		ns = room;
	to[b] += ns;
	*all += ns;
}

/* to: NULL, nobody. */
static void move(uint64_t from[BASES], uint64_t ns, uint64_t *to)
{
	uint64_t all = basis_sum(from), upto = 0, given = 0;

	if (ns > all)
		ns = all;
	for (unsigned int b = 0; b < BASES && all; b++) {
		uint64_t here, part;

		upto += from[b];
		here = part_ns(ns, upto, all);
		part = here - given;
		given = here;
		from[b] -= part;
		if (to)
			to[b] += part;
	}
}

void basis_move(uint64_t from[BASES], uint64_t ns, uint64_t to[BASES])
{
	move(from, ns, to);
}

void basis_cut(uint64_t of[BASES], uint64_t ns)
{
	uint64_t all = basis_sum(of);

	if (ns < all)
		move(of, all - ns, NULL);
}

void basis_rest(uint64_t of[BASES], uint64_t all)
{
	for (unsigned int b = BASES; b-- > 0;) {
		if (b == BASIS_THREAD)
			continue;
		if (of[b] > all)
			of[b] = all;
		all -= of[b];
	}
	of[BASIS_THREAD] = all;
}
