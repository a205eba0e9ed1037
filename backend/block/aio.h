/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aio.h - reads and writes without waiting, by io_uring.  One thread.
 *
 * Nothing is left to the kernel's own worker threads: what they burn would
 * be on nobody's clock.  A transfer that would have to wait comes back with
 * -EAGAIN, and aio_wait_for() does it on this thread.
 */
#ifndef BACKEND_BLOCK_AIO_H
#define BACKEND_BLOCK_AIO_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct transfer {
	struct iovec *iov;
	int iovs;
	int fd;
	bool write;
	uint64_t offset, bytes;
	void *owner;
};

struct aio {
	struct io_uring uring;
	bool on;
	unsigned int queued; /* put, not yet submitted */
	unsigned int flying; /* the kernel has them */
};

/* On the thread that will use it.  0, or -errno: io_uring is refused. */
int aio_open(struct aio *a, unsigned int most);
/* Nothing may be flying. */
void aio_close(struct aio *a);
/* Readable when a transfer is done. */
int aio_fd(const struct aio *a);

/* At most as many as were said, flying and queued.  *t must stay. */
void aio_put(struct aio *a, const struct transfer *t);
/* What is queued; what the kernel cannot take now stays queued. */
void aio_submit(struct aio *a);
/* Sleeps until one that is flying is done. */
void aio_wait(struct aio *a);
/*
 * One that is done: its owner, and bytes or -errno; NULL: none.  The kernel
 * says so at the end of any system call of this thread: poll() will do.
 */
void *aio_take(struct aio *a, int *result);

/* All of it after the first `done` bytes, waiting.  0 or -errno. */
int aio_wait_for(const struct transfer *t, uint64_t done);

#endif
