/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * basis.h - on what a charge rests, and sums kept apart by that.  Pure.
 */
#ifndef COMMON_BASIS_H
#define COMMON_BASIS_H

#include <acctring/abi.h>
#include <stdint.h>

enum basis {
	BASIS_THREAD = ACCTRING_BASIS_THREAD, /* spans divide the clock of a thread */
	BASIS_DIRECT = ACCTRING_BASIS_DIRECT, /* what was measured is one VM's by its nature */
	BASIS_POOL = ACCTRING_BASIS_POOL, /* a pool of several VMs, by like drivers */
	BASIS_MODEL = ACCTRING_BASIS_MODEL, /* by learned weights, its drivers being unlike */
	BASES
};

/* "thread", "direct", "pool", "model" */
const char *basis_name(enum basis b);

/* Of sums that together fit 64 bits. */
uint64_t basis_sum(const uint64_t of[BASES]);
/* What depends on how a pool was divided. */
static inline uint64_t basis_shared(const uint64_t of[BASES])
{
	return of[BASIS_POOL] + of[BASIS_MODEL];
}
/* Adds, but not beyond what `all`, their sum, has room for in 64 bits; adds to that, too. */
void basis_add(uint64_t to[BASES], uint64_t *all, enum basis b, uint64_t ns);
/* Moves ns, at most their sum, in proportion; none is moved more than it has. */
void basis_move(uint64_t from[BASES], uint64_t ns, uint64_t to[BASES]);
/* Takes away in proportion until ns are left; not more than there were. */
void basis_cut(uint64_t of[BASES], uint64_t ns);
/* The others are known, BASIS_THREAD is the rest of `all`.  They are cut where they are more. */
void basis_rest(uint64_t of[BASES], uint64_t all);

#endif
