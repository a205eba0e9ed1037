/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.h - the command line of acctring-blkfront.
 */
#ifndef FRONTEND_BLOCK_OPTIONS_H
#define FRONTEND_BLOCK_OPTIONS_H

#include "frontend/block/blkfront.h"

struct options {
	const char *device; /* NULL: the first */
	struct load load;
	struct blk_how how;
	unsigned int batch; /* requests are put when so many may be */
	uint64_t size, seed, rate, runtime, timeout;
	bool progress, verbose, reconnect;
	bool verify; /* what is written is the pattern of its place, what is read must be */
};

/* Dies when they are wrong. */
void options_read(struct options *o, int argc, char **argv);

#endif
