/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit.c - see limit.h.
 */
#include "collector/limit.h"

#include "common/kv.h"

#include <string.h>

uint64_t limit_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void limit_owner(struct limit *l, const uint8_t uuid[16])
{
	if (uuid_equal(l->uuid, uuid))
		return;
	l->ended_ns = limit_add(l->ended_ns, l->cpu_ns);
	l->cpu_ns = 0;
	l->saved = false;
	memcpy(l->uuid, uuid, 16);
}

void limit_see(struct limit *l, uint64_t cpu_ns)
{
	if (cpu_ns > l->cpu_ns)
		l->cpu_ns = cpu_ns;
}

uint64_t limit_may(const struct limit *l)
{
	return limit_add(l->ended_ns, l->cpu_ns);
}

enum limit_verdict limit_judge(const struct limit *l, uint64_t known, uint64_t first)
{
	uint64_t may = limit_may(l);

	known = limit_add(known, l->spent_ns);
	if (known > may)
		return LIMIT_OVER;
	return first <= may - known ? LIMIT_FITS : LIMIT_BASE;
}
