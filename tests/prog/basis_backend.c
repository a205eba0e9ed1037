/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * basis_backend - a backend whose lanes rest on different things: burns CPU, gives each lane an
 * eighth of it, posts for two VMs, closes, and says what is to be on the bills:
 *
 *	VM BASIS NS
 *
 *	basis_backend ROUNDS	of 20 ms
 */
#include "common/basis.h"
#include "common/log.h"

#include <acctring/acctring.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define VMS 2u

/* Of what is posted on a lane: how much is the first VM's, the second's. */
static const unsigned int parts[BASES][VMS] = {
	[BASIS_THREAD] = { 1, 1 },
	[BASIS_DIRECT] = { 1, 0 },
	[BASIS_POOL] = { 3, 1 },
	[BASIS_MODEL] = { 0, 1 },
};

static uint64_t burn(void)
{
	static uint64_t before;
	uint64_t now, grown;
	struct timespec ts;

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
		now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	} while (now < before + 20000000);
	grown = now - before;
	before = now;
	return grown;
}

static void post(struct acctring_lane *l, int payer, uint64_t ns)
{
	const struct acctring_cost c = {
		.ns = ns, .units = 1, .payer = (uint16_t)payer, .klass = ACCTRING_CLASS_READ
	};

	if (acctring_post(l, &c))
		die(EXIT_RUNTIME, "post");
}

int main(int argc, char **argv)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	uint64_t given[BASES] = { 0 }, bill[BASES][VMS] = { { 0 } };
	struct acctring_lane *lane[BASES];
	struct acctring *r;
	int payer[VMS];

	o.lanes = BASES;
	r = acctring_open(&o);
	if (argc != 2 || !r)
		die(EXIT_USAGE, "usage: basis_backend ROUNDS");
	for (unsigned int v = 0; v < VMS; v++)
		payer[v] = acctring_payer_open(r, 2 + v, ACCTRING_KIND_VBD, 51712);
	for (unsigned int b = 0; b < BASES; b++) {
		lane[b] = acctring_lane_open_basis(r, b);
		if (!lane[b] || acctring_lane_clock(lane[b], 0))
			die(EXIT_RUNTIME, "no lane");
	}
	for (unsigned long i = strtoul(argv[1], NULL, 0); i; i--) {
		uint64_t share = burn() / 8;

		for (unsigned int b = 0; b < BASES; b++) {
			unsigned int all = parts[b][0] + parts[b][1];

			share -= share % all; /* so that each part is whole */
			for (unsigned int v = 0; v < VMS; v++)
				if (parts[b][v])
					post(lane[b], payer[v], share / all * parts[b][v]);
			for (unsigned int v = 0; v < VMS; v++)
				bill[b][v] += share / all * parts[b][v];
			acctring_lane_clock(lane[b], given[b] += share);
		}
	}
	if (acctring_close(r, 10000))
		die(EXIT_RUNTIME, "not all was committed");
	for (unsigned int b = 0; b < BASES; b++)
		for (unsigned int v = 0; v < VMS; v++)
			printf("%u %s %" PRIu64 "\n", 2 + v, basis_name(b), bill[b][v]);
	return 0;
}
