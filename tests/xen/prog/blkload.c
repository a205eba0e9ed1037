/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blkload write|check DEVICE MIB SEED: fills the first MIB of a block device
 * with a pattern, or reads it back, past the page cache, in requests of
 * 64 KiB.  Says how much, and how many bytes were not what they should be.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/xen/prog/pattern.h"

#define REQUEST 65536u

int main(int argc, char **argv)
{
	uint64_t at, end, seed, bad = 0;
	bool writes;
	void *buf;
	ssize_t n;
	int fd;

	if (argc != 5)
		errx(2, "usage: blkload write|check DEVICE MIB SEED");
	writes = !strcmp(argv[1], "write");
	fd = open(argv[2], (writes ? O_WRONLY : O_RDONLY) | O_DIRECT);
	buf = aligned_alloc(4096, REQUEST);
	if (fd < 0 || !buf)
		err(1, "%s", argv[2]);
	end = strtoull(argv[3], NULL, 0) << 20;
	seed = strtoull(argv[4], NULL, 0);
	for (at = 0; at < end; at += REQUEST) {
		if (writes)
			pattern_fill(buf, REQUEST, seed, at);
		n = writes ? pwrite(fd, buf, REQUEST, (off_t)at)
			   : pread(fd, buf, REQUEST, (off_t)at);
		if (n != REQUEST)
			err(1, "%s: %zd bytes at %" PRIu64, argv[1], n, at);
		if (!writes)
			bad += pattern_bad(buf, REQUEST, seed, at);
	}
	if (writes && fsync(fd))
		err(1, "fsync");
	printf("blk %s bytes=%" PRIu64 " bad=%" PRIu64 "\n", argv[1], end, bad);
	return bad != 0;
}
