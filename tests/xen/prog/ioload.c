/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ioload DEVICE randread|randwrite|read|write BYTES DEPTH WARM_MS MS TAIL_MS
 * [SPIN_US]: a steady load for a block device, past the page cache, by Linux AIO, DEPTH
 * requests of BYTES always in flight; for each that was answered it works for SPIN_US.  Says
 * how many were answered in the MS after WARM_MS, and the longest that it was kept from that
 * work; it goes on for TAIL_MS, so that who measures beside it measures the load only.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/xen/prog/spin.h"

#define DEPTH_MAX 256u

struct load {
	int fd;
	bool random, writes;
	uint32_t bytes, depth;
	uint64_t blocks, next, seed;
	aio_context_t aio;
	struct spin spin;
	struct iocb cb[DEPTH_MAX], *ready[DEPTH_MAX];
};

static uint64_t a_block(struct load *l)
{
	if (!l->random)
		return l->next++ % l->blocks;
	l->seed ^= l->seed << 13;
	l->seed ^= l->seed >> 7;
	l->seed ^= l->seed << 17;
	return l->seed % l->blocks;
}

static void submit(struct load *l, uint32_t n)
{
	uint32_t done = 0;
	long r;

	for (uint32_t i = 0; i < n; i++)
		l->ready[i]->aio_offset = (int64_t)(a_block(l) * l->bytes);
	while (done < n) {
		r = syscall(SYS_io_submit, l->aio, (long)(n - done), l->ready + done);
		if (r <= 0)
			err(1, "io_submit");
		done += (uint32_t)r;
	}
}

/* Waits for one at least; what was answered is `ready`. */
static uint32_t reap(struct load *l)
{
	struct io_event ev[DEPTH_MAX];
	long r = syscall(SYS_io_getevents, l->aio, 1l, (long)l->depth, ev, NULL);

	if (r < 1)
		err(1, "io_getevents");
	for (long i = 0; i < r; i++) {
		if (ev[i].res != (int64_t)l->bytes)
			errx(1, "a request of %u bytes: %lld", l->bytes, (long long)ev[i].res);
		l->ready[i] = &l->cb[ev[i].data];
	}
	return (uint32_t)r;
}

/* How many were answered until `end`. */
static uint64_t run(struct load *l, uint64_t end)
{
	uint64_t requests = 0;

	while (now_ns() < end) {
		uint32_t n = reap(l);

		requests += n;
		submit(l, n);
		for (uint32_t i = 0; i < n && now_ns() < end; i++)
			spin(&l->spin);
	}
	return requests;
}

static void prepare(struct load *l, char **argv)
{
	uint64_t size = 0;
	char *buf;

	l->random = !strncmp(argv[2], "rand", 4);
	l->writes = strstr(argv[2], "write") != NULL;
	l->bytes = (uint32_t)atoi(argv[3]);
	l->depth = (uint32_t)atoi(argv[4]);
	l->seed = 88172645463325252ull;
	if (!l->bytes || l->bytes % 512 || !l->depth || l->depth > DEPTH_MAX)
		errx(2, "BYTES: multiples of 512; DEPTH: 1..%u", DEPTH_MAX);
	l->fd = open(argv[1], (l->writes ? O_RDWR : O_RDONLY) | O_DIRECT);
	if (l->fd < 0 || ioctl(l->fd, BLKGETSIZE64, &size))
		err(1, "%s", argv[1]);
	l->blocks = size / l->bytes;
	buf = aligned_alloc(4096, (size_t)l->depth * ((l->bytes + 4095) & ~4095u));
	if (!buf || !l->blocks || syscall(SYS_io_setup, (long)l->depth, &l->aio))
		err(1, "io_setup");
	memset(buf, 0x5a, (size_t)l->depth * ((l->bytes + 4095) & ~4095u));
	for (uint32_t i = 0; i < l->depth; i++) {
		l->cb[i].aio_fildes = (uint32_t)l->fd;
		l->cb[i].aio_lio_opcode = l->writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		l->cb[i].aio_buf = (uintptr_t)(buf + (size_t)i * ((l->bytes + 4095) & ~4095u));
		l->cb[i].aio_nbytes = l->bytes;
		l->cb[i].aio_data = i;
		l->ready[i] = &l->cb[i];
	}
}

int main(int argc, char **argv)
{
	static struct load l;
	uint64_t at, ns, n;

	if (argc != 8 && argc != 9)
		errx(2, "usage: ioload DEVICE randread|randwrite|read|write BYTES DEPTH WARM_MS MS "
			"TAIL_MS [SPIN_US]");
	prepare(&l, argv);
	spin_begin(&l.spin, argc == 9 ? strtoull(argv[8], NULL, 0) : 0);
	at = now_ns();
	submit(&l, l.depth);
	run(&l, at + strtoull(argv[5], NULL, 0) * 1000000u);
	at = now_ns();
	l.spin.pause_ns = 0;
	n = run(&l, at + strtoull(argv[6], NULL, 0) * 1000000u);
	ns = now_ns() - at;
	printf("requests=%" PRIu64 " ns=%" PRIu64 " pause_ns=%" PRIu64 "\n", n, ns,
	       l.spin.pause_ns);
	fflush(stdout);
	run(&l, now_ns() + strtoull(argv[7], NULL, 0) * 1000000u);
	return 0;
}
