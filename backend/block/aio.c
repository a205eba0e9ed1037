/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/aio.h"

#include <errno.h>

int aio_open(struct aio *a, unsigned int most)
{
	/*
	 * The best first: of Linux 6.0, 5.19, any.  Not DEFER_TASKRUN: with that
	 * what is done does not always make the descriptor readable (6.18).
	 */
	static const unsigned int flags[] = {
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
		IORING_SETUP_COOP_TASKRUN,
		0,
	};
	unsigned int i;
	int r = -ENOSYS;

	a->queued = a->flying = 0;
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		r = io_uring_queue_init(most, &a->uring, flags[i]);
		if (r != -EINVAL)
			break;
	}
	a->on = !r;
	return r;
}

void aio_close(struct aio *a)
{
	if (a->on)
		io_uring_queue_exit(&a->uring);
	a->on = false;
}

int aio_fd(const struct aio *a)
{
	return a->on ? a->uring.ring_fd : -1;
}

void aio_put(struct aio *a, const struct transfer *t)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&a->uring); /* there is room: `most` */

	if (t->write)
		io_uring_prep_writev2(sqe, t->fd, t->iov, (unsigned int)t->iovs, t->offset,
				      RWF_NOWAIT);
	else
		io_uring_prep_readv2(sqe, t->fd, t->iov, (unsigned int)t->iovs, t->offset,
				     RWF_NOWAIT);
	io_uring_sqe_set_data(sqe, t->owner);
	a->queued++;
}

static void submitted(struct aio *a, int n)
{
	if (n <= 0)
		return;
	a->queued -= (unsigned int)n;
	a->flying += (unsigned int)n;
}

void aio_submit(struct aio *a)
{
	if (a->queued)
		submitted(a, io_uring_submit(&a->uring));
}

void aio_wait(struct aio *a)
{
	struct io_uring_cqe *cqe;

	if (a->flying)
		io_uring_wait_cqe(&a->uring, &cqe);
}

void *aio_take(struct aio *a, int *result)
{
	struct io_uring_cqe *cqe;
	void *owner;

	if (!a->on || io_uring_peek_cqe(&a->uring, &cqe))
		return NULL;
	*result = cqe->res;
	owner = io_uring_cqe_get_data(cqe);
	io_uring_cqe_seen(&a->uring, cqe);
	a->flying--;
	return owner;
}

/* Skips what is done. */
static void advance(struct iovec **iov, int *n, uint64_t done)
{
	while (*n && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		++*iov;
		--*n;
	}
	if (*n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

int aio_wait_for(const struct transfer *t, uint64_t done)
{
	struct iovec *iov = t->iov;
	off_t at = (off_t)(t->offset + done);
	int n = t->iovs;
	ssize_t k;

	advance(&iov, &n, done);
	while (n) {
		k = t->write ? pwritev(t->fd, iov, n, at) : preadv(t->fd, iov, n, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) /* 0: somebody has cut the file short */
			return k ? -errno : -EIO;
		advance(&iov, &n, (uint64_t)k);
		at += k;
	}
	return 0;
}
