/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * divide.c - see divide.h.  Rounding by prefix sums: part i is the step of
 * floor(total * (w0 + .. + wi) / W), so that the steps add up to total and
 * nothing needs sorting.
 */
#include "common/divide.h"

#define CLOCK_SLACK_NS 10000000u

__extension__ typedef unsigned __int128 wide;

/* Bits to drop from each weight so that their sum fits 63 bits. */
static unsigned int scale(const uint64_t *weight, unsigned int n)
{
	wide sum = 0;
	unsigned int shift = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += weight[i];
	while (sum >> shift >> 63)
		shift++;
	return shift;
}

bool divide_ns(uint64_t total, const uint64_t *weight, unsigned int n, uint64_t *part)
{
	unsigned int shift = scale(weight, n);
	uint64_t all = 0, upto = 0, given = 0;

	for (unsigned int i = 0; i < n; i++)
		all += weight[i] >> shift;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t here;

		part[i] = 0;
		if (!all)
			continue;
		upto += weight[i] >> shift;
		here = (uint64_t)((wide)total * upto / all);
		part[i] = here - given;
		given = here;
	}
	return all != 0;
}

uint64_t part_ns(uint64_t of, uint64_t part, uint64_t all)
{
	return all ? (uint64_t)((wide)of * part / all) : 0;
}

uint64_t carry_take(uint64_t *carried, uint64_t delta, bool posts)
{
	uint64_t sum = *carried + delta;

	if (sum < delta)
		sum = UINT64_MAX;
	if (posts) {
		*carried = 0;
		return sum;
	}
	*carried = sum < CARRY_MAX_NS ? sum : CARRY_MAX_NS;
	return 0;
}

uint64_t clock_clamp(uint64_t delta, uint64_t elapsed)
{
	uint64_t most = elapsed + elapsed / 1024;

	if (most < elapsed || most + CLOCK_SLACK_NS < most)
		return delta;
	most += CLOCK_SLACK_NS;
	return delta < most ? delta : most;
}

uint64_t fit_ns(uint64_t room, const uint64_t *claim, unsigned int n, uint64_t *part)
{
	uint64_t sum = 0;
	wide all = 0;

	for (unsigned int i = 0; i < n; i++)
		all += claim[i];
	if (all > room)
		divide_ns(room, claim, n, part);
	for (unsigned int i = 0; i < n; i++) {
		if (all <= room || part[i] > claim[i])
			part[i] = claim[i];
		sum += part[i];
	}
	return sum;
}
