/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ioload DEVICE randread|randwrite|read|write BYTES DEPTH WARM_MS MS TAIL_MS
 * [SPIN_US]: a steady load for a block device, past the page cache, by Linux AIO, DEPTH
 * requests of BYTES always in flight (SMALL+LARGE: 50 of these, 50 of those, in turns); for each
 * that was answered it works for SPIN_US.  Says how many were answered in the MS after WARM_MS,
 * and the longest that it was kept from that work; it goes on for TAIL_MS, so that who measures
 * beside it measures the load only.
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
#define TURN 50u

struct load {
	int fd;
	bool random, writes;
	uint32_t bytes[2], depth; /* the second: not less */
	uint64_t blocks, next, seed, issued;
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

	for (uint32_t i = 0; i < n; i++) {
		l->ready[i]->aio_offset = (int64_t)(a_block(l) * l->bytes[1]);
		l->ready[i]->aio_nbytes = l->bytes[l->issued++ / TURN % 2];
	}
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
		l->ready[i] = &l->cb[ev[i].data];
		if (ev[i].res != (int64_t)l->ready[i]->aio_nbytes)
			errx(1, "a request of %llu bytes: %lld",
			     (unsigned long long)l->ready[i]->aio_nbytes, (long long)ev[i].res);
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

static bool sizes(struct load *l, const char *s)
{
	const char *large = strchr(s, '+');

	l->bytes[0] = (uint32_t)atoi(s);
	l->bytes[1] = large ? (uint32_t)atoi(large + 1) : l->bytes[0];
	return l->bytes[0] && l->bytes[0] <= l->bytes[1] && l->bytes[0] % 512 == 0 &&
	       l->bytes[1] % 512 == 0;
}

static void prepare(struct load *l, char **argv)
{
	uint64_t size = 0, each;
	char *buf;

	l->random = !strncmp(argv[2], "rand", 4);
	l->writes = strstr(argv[2], "write") != NULL;
	l->depth = (uint32_t)atoi(argv[4]);
	l->seed = 88172645463325252ull;
	if (!sizes(l, argv[3]) || !l->depth || l->depth > DEPTH_MAX)
		errx(2, "BYTES: multiples of 512; DEPTH: 1..%u", DEPTH_MAX);
	l->fd = open(argv[1], (l->writes ? O_RDWR : O_RDONLY) | O_DIRECT);
	if (l->fd < 0 || ioctl(l->fd, BLKGETSIZE64, &size))
		err(1, "%s", argv[1]);
	l->blocks = size / l->bytes[1];
	each = (l->bytes[1] + 4095) & ~4095u;
	buf = aligned_alloc(4096, l->depth * each);
	if (!buf || !l->blocks || syscall(SYS_io_setup, (long)l->depth, &l->aio))
		err(1, "io_setup");
	memset(buf, 0x5a, l->depth * each);
	for (uint32_t i = 0; i < l->depth; i++) {
		l->cb[i].aio_fildes = (uint32_t)l->fd;
		l->cb[i].aio_lio_opcode = l->writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		l->cb[i].aio_buf = (uintptr_t)(buf + i * each);
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
