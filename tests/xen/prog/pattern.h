/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the load programs write and look for: each 8 bytes follow from their
 * position and a seed, so that nothing misplaced or stale looks right.
 */
#ifndef XEN_PROG_PATTERN_H
#define XEN_PROG_PATTERN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t pattern_word(uint64_t seed, uint64_t n)
{
	uint64_t x = (seed << 48 ^ n) + 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* `at`, a position in bytes, and `len` are multiples of 8. */
static inline void pattern_fill(void *to, size_t len, uint64_t seed, uint64_t at)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < len; i += 8) {
		word = pattern_word(seed, (at + i) / 8);
		memcpy((char *)to + i, &word, 8);
	}
}

/* Bytes that differ. */
static inline uint64_t pattern_bad(const void *from, size_t len, uint64_t seed, uint64_t at)
{
	uint64_t word, bad = 0;
	size_t i, j;

	for (i = 0; i < len; i++) {
		word = pattern_word(seed, (at + i) / 8);
		j = (at + i) % 8;
		bad += ((const unsigned char *)from)[i] != (unsigned char)(word >> 8 * j);
	}
	return bad;
}

#endif
