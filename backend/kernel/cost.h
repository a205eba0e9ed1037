/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.h - what was burned and done, not yet posted.  Pure.
 */
#ifndef KERNEL_COST_H
#define KERNEL_COST_H

#include <stdbool.h>
#include <stdint.h>

struct kcost {
	uint64_t ns, units, bytes;
};

static inline bool kcost_is_due(const struct kcost *c)
{
	return c->ns || c->units || c->bytes;
}

/* All of *from is *to's. */
void kcost_move(struct kcost *to, struct kcost *from);

/*
 * Splits ns among n parts by their units; all to parts[n], the last, where
 * there are none.
 */
void share_ns(uint64_t ns, struct kcost *const *parts, unsigned int n);

#endif
