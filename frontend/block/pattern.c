/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/block/pattern.h"

#include <string.h>

uint64_t pattern_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void pattern_fill(void *sector, uint64_t seed, uint64_t number)
{
	uint64_t state = seed * 0xff51afd7ed558ccdu ^ number * 0xc4ceb9fe1a85ec53u;
	uint64_t word[PATTERN_SECTOR / 8];
	unsigned int i;

	for (i = 0; i < PATTERN_SECTOR / 8; i++)
		word[i] = pattern_random(&state);
	memcpy(sector, word, sizeof(word));
}

int pattern_compare(const void *sector, uint64_t seed, uint64_t number)
{
	unsigned char want[PATTERN_SECTOR];

	pattern_fill(want, seed, number);
	return memcmp(sector, want, sizeof(want));
}
