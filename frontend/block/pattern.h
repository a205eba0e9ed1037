/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pattern.h - test data that a seed and the place on the disk determine, so
 * that a sector read from the wrong place never compares equal.  Pure.
 */
#ifndef FRONTEND_BLOCK_PATTERN_H
#define FRONTEND_BLOCK_PATTERN_H

#include <stdint.h>

#define PATTERN_SECTOR 512u

void pattern_fill(void *sector, uint64_t seed, uint64_t number);
/* 0: equal. */
int pattern_compare(const void *sector, uint64_t seed, uint64_t number);

/* splitmix64: the next of a sequence. */
uint64_t pattern_random(uint64_t *state);

#endif
