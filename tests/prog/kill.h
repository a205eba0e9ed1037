/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill.h - what the kill test's backend and its judge agree on: the oracle
 * page, and which cost post i of a lane has.
 */
#ifndef TESTS_KILL_H
#define TESTS_KILL_H

#include <acctring/acctring.h>
#include <stdint.h>
#include <stdlib.h>

#define KILL_LANES 3u
#define KILL_PAYERS 2u /* of each lane */
#define KILL_CLASSES 4u /* ACCTRING_CLASS_READ and the three after it */

struct kill_lane {
	uint64_t started; /* before the post */
	uint64_t done; /* after it */
	uint64_t pad[14];
};

/* One page of a file that the test owns; a backend maps it shared. */
struct kill_oracle {
	uint64_t epoch; /* of its link */
	uint32_t lanes; /* posting */
	uint32_t closed; /* ended by itself, everything was committed */
	uint64_t spilled, recorded; /* from acctring_stats(), now and then */
	uint64_t pad[12];
	struct kill_lane lane[KILL_LANES];
};

/* Rows are told apart in the ledger by their device id. */
static inline uint32_t kill_device(uint32_t index, uint32_t lane, uint32_t payer)
{
	return (index * KILL_LANES + lane) * KILL_PAYERS + payer;
}

/* The domain this runs in, as text; that of the sandbox's test is 1. */
static inline const char *kill_domid(void)
{
	const char *s = getenv("KILL_DOMID");

	return s ? s : "1";
}

static inline uint64_t kill_random(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* Payer is 0 .. KILL_PAYERS-1 here. */
static inline struct acctring_cost kill_cost(uint64_t seed, uint32_t index, uint32_t lane,
					     uint64_t i)
{
	uint64_t r =
		kill_random(seed ^ kill_random((uint64_t)index << 40 ^ (uint64_t)lane << 36 ^ i));
	struct acctring_cost c = {
		.ns = r & 0xfffff,
		.bytes = r >> 20 & 0xffff,
		.units = 1 + (r >> 36 & 7),
		.payer = (uint16_t)(r >> 40 & (KILL_PAYERS - 1)),
		.klass = (uint8_t)(ACCTRING_CLASS_READ + (r >> 42 & (KILL_CLASSES - 1))),
	};

	/* now and then one that no record can hold */
	if ((r >> 50 & 0xff) == 0)
		c.units = 100000;
	if ((r >> 50 & 0xff) == 1)
		c.bytes |= 1ull << 33;
	return c;
}

#endif
