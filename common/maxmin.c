/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maxmin.c - see maxmin.h.  Who wants no more than his part of what is left
 * gets it, and the others' parts grow; until all want more than their parts.
 */
#include "common/maxmin.h"

#include <stdbool.h>

#define OPEN UINT64_MAX

__extension__ typedef unsigned __int128 wide;

static uint64_t part(uint64_t total, uint64_t weight, uint64_t weights)
{
	return weights ? (uint64_t)((wide)total * weight / weights) : 0;
}

void maxmin(uint64_t total, struct maxmin *m, size_t n)
{
	uint64_t weights = 0;
	bool again = true;

	for (size_t i = 0; i < n; i++) {
		m[i].part = OPEN;
		weights += m[i].weight;
	}
	while (again) {
		const uint64_t all = total, of = weights;

		again = false;
		for (size_t i = 0; i < n; i++) {
			if (m[i].part != OPEN || m[i].want > part(all, m[i].weight, of))
				continue;
			m[i].part = m[i].want;
			total -= m[i].want;
			weights -= m[i].weight;
			again = true;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (m[i].part == OPEN)
			m[i].part = part(total, m[i].weight, weights);
}
