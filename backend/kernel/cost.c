/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.c - see cost.h.
 */
#include "backend/kernel/cost.h"

void kcost_move(struct kcost *to, struct kcost *from)
{
	to->ns += from->ns;
	to->units += from->units;
	to->bytes += from->bytes;
	*from = (struct kcost){ 0 };
}

void share_ns(uint64_t ns, struct kcost *const *parts, unsigned int n)
{
	__extension__ typedef unsigned __int128 wide;
	uint64_t all = 0, upto = 0, given = 0, here;
	unsigned int i;

	for (i = 0; i < n; i++)
		all += parts[i]->units;
	for (i = 0; i < n && all; i++) {
		upto += parts[i]->units;
		here = (uint64_t)((wide)ns * upto / all);
		parts[i]->ns += here - given;
		given = here;
	}
	if (!all)
		parts[n]->ns += ns;
}
