/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_rnd.h - chance that is the same each time. */
#ifndef TEST_RND_H
#define TEST_RND_H

#include <stdint.h>

static uint64_t rnd_state = 1;

static inline uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

#endif
