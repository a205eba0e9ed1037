/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pour.c - see pour.h.  An eighth of each lane stays empty: the accountant
 * sees our periods a little longer or shorter than they were.
 */
#include "backend/kernel/pour.h"

#define PAGES 32u /* a domain has 1024 to grant, and other backends need some */

unsigned int pour_lanes(unsigned int cpus)
{
	unsigned int n = cpus + (cpus + 6) / 7;

	if (n < 2)
		return 2;
	return n < POUR_LANES ? n : POUR_LANES;
}

unsigned int pour_pages(unsigned int lanes)
{
	unsigned int n = 8;

	while (n > 1 && n * lanes > PAGES)
		n /= 2;
	return n;
}

void pour_begin(struct pour *p, uint64_t elapsed_ns, unsigned int cap)
{
	p->at = 0;
	p->used = 0;
	p->posts = 0;
	p->room = elapsed_ns - elapsed_ns / 8;
	p->cap = cap;
}

bool pour(struct pour *p, uint64_t ns, unsigned int *lane, uint64_t *part)
{
	while (p->posts >= p->cap || (ns && p->used >= p->room)) {
		if (p->at + 1 >= p->lanes)
			return false;
		p->at++;
		p->used = 0;
		p->posts = 0;
	}
	if (ns > p->room - p->used)
		ns = p->room - p->used;
	/* what a record can say, without leaving the ring for a spill row */
	if (ns > UINT32_MAX)
		ns = UINT32_MAX;
	p->used += ns;
	p->clock[p->at] += ns;
	p->posts++;
	*lane = p->at;
	*part = ns;
	return true;
}
