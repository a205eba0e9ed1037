/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.h - what to ask a disk next: the load of acctring-blkfront.  Pure.
 */
#ifndef FRONTEND_BLOCK_LOAD_H
#define FRONTEND_BLOCK_LOAD_H

#include <stdbool.h>
#include <stdint.h>

enum load_mode {
	LOAD_READ,
	LOAD_WRITE,
	LOAD_RANDREAD,
	LOAD_RANDWRITE,
	LOAD_RW,
	LOAD_RANDRW,
	LOAD_TRIM,
	LOAD_RANDTRIM,
	LOAD_VERIFY
};

struct load {
	/* parameters */
	enum load_mode mode;
	uint32_t min, max; /* bytes of a request, multiples of 512 */
	uint64_t sectors; /* of the disk that are used */
	uint64_t count; /* requests without flushes, 0: no end */
	uint32_t flush; /* a flush after so many writes, 0: none */
	uint64_t random; /* state of the sequence */
	unsigned int mixread; /* of a hundred of RW and RANDRW so many are reads */
	/* progress */
	uint64_t next; /* sector */
	uint64_t issued;
	uint32_t unflushed;
	bool reading; /* second half of verify */
	bool flushed; /* verify: flush between the halves was asked */
};

enum load_op {
	LOAD_OP_NONE,
	LOAD_OP_READ,
	LOAD_OP_WRITE,
	LOAD_OP_FLUSH,
	LOAD_OP_DISCARD,
	LOAD_OPS
};

struct load_request {
	enum load_op op;
	uint64_t sector;
	uint32_t bytes;
};

/*
 * The next request.  False: none now; with nothing in flight (`idle`) that
 * is the end.  verify writes the disk once from end to end, in random
 * sizes, flushes, and reads it in other random sizes.
 */
bool load_next(struct load *l, bool idle, struct load_request *out);

#endif
