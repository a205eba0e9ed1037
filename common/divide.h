/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * divide.h - splits a measured time among those who caused it.  Pure.
 */
#ifndef COMMON_DIVIDE_H
#define COMMON_DIVIDE_H

#include <stdbool.h>
#include <stdint.h>

/* What a lane burned without posts is kept for its next posts up to this. */
#define CARRY_MAX_NS 1000000000ull

/*
 * Splits `total` in proportion to the weights: the parts are whole, their
 * sum is exactly `total`, each is within 1 of its exact share, and the same
 * input gives the same parts.  A weight of 0 gets nothing.  false, and all
 * parts 0, when all weights are 0.
 */
bool divide_ns(uint64_t total, const uint64_t *weight, unsigned int n, uint64_t *part);

/* of * part / all, rounded down; 0 of 0 is 0. */
uint64_t part_ns(uint64_t of, uint64_t part, uint64_t all);

/*
 * A lane's clock grew by `delta`.  Returns what is to be divided now: all,
 * with what was carried, when there were posts; nothing otherwise, and the
 * delta is carried (at most CARRY_MAX_NS; the rest stays unattributed).
 */
uint64_t carry_take(uint64_t *carried, uint64_t delta, bool posts);

/*
 * A thread cannot burn more than the time that passes.  `delta` is what a
 * lane's clock grew by; `elapsed`: the value before was published within that
 * time.  Returns at most elapsed, with a little for clocks that run unevenly.
 */
uint64_t clock_clamp(uint64_t delta, uint64_t elapsed);

/*
 * Claims that must not exceed `room` in all: each gets at most what it
 * claims, and when not all fits, its share.  Returns the sum of the parts.
 */
uint64_t fit_ns(uint64_t room, const uint64_t *claim, unsigned int n, uint64_t *part);

#endif
