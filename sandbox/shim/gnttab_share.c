/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxengnttab, the granter's side. As with gntalloc, it is the *mapping* that
 * keeps shared pages alive: closing the handle does not end them, unsharing (or
 * the end of the process) does; a child of fork that has the pages mapped keeps
 * them too, one for which they are MADV_DONTFORK does not.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/shim/gnttab.h"

struct shared {
	TAILQ_ENTRY(shared) link;
	uint8_t *addr;
	uint32_t count;
	uint64_t id;
	uint8_t *gone; /* pages unmapped of it, one byte each */
	uint32_t left;
};

static TAILQ_HEAD(handle_list, xengntdev_handle) handles = TAILQ_HEAD_INITIALIZER(handles);
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
	pthread_mutex_lock(&handles_lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&handles_lock);
}

static bool still_mapped(const struct shared *s)
{
	unsigned char in_core;
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (!s->gone[i] && mincore(s->addr + (size_t)i * XSB_PAGE, 1, &in_core) == 0)
			return true;
	return false;
}

static void forget(struct xengntdev_handle *h, struct shared *s)
{
	TAILQ_REMOVE(&h->shares, s, link);
	free(s->gone);
	free(s);
}

/*
 * The inherited connection would keep the parent's pages alive: replace it by one
 * of our own, which keeps those that we have mapped as well.
 */
static void in_child(struct xengntdev_handle *h)
{
	struct shared *s, *next;
	int old = h->client.fd;

	for (s = TAILQ_FIRST(&h->shares); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (!still_mapped(s))
			forget(h, s);
	}
	h->client.fd = -1;
	if (!TAILQ_EMPTY(&h->shares) && xsb_open(&h->client) == 0) {
		for (s = TAILQ_FIRST(&h->shares); s; s = TAILQ_NEXT(s, link))
			xsb_call2(&h->client, XSB_GNT_KEEP, s->id, 0, NULL);
	}
	close(old);
}

static void after_fork_child(void)
{
	struct xengntdev_handle *h;

	pthread_mutex_init(&handles_lock, NULL);
	for (h = TAILQ_FIRST(&handles); h; h = TAILQ_NEXT(h, link))
		in_child(h);
}

static void register_fork(void)
{
	pthread_atfork(before_fork, after_fork, after_fork_child);
}

SHIM_API xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
	xengntshr_handle *h = xengnttab_open(logger, open_flags);

	if (!h)
		return NULL;
	TAILQ_INIT(&h->shares);
	pthread_once(&once, register_fork);
	pthread_mutex_lock(&handles_lock);
	TAILQ_INSERT_TAIL(&handles, h, link);
	pthread_mutex_unlock(&handles_lock);
	return h;
}

/* With the lock held: ends a handle that is closed and shares nothing more. */
static void drop_if_unused(xengntshr_handle *h)
{
	if (!h->closed || !TAILQ_EMPTY(&h->shares))
		return;
	TAILQ_REMOVE(&handles, h, link);
	xengnttab_close(h);
}

SHIM_API int xengntshr_close(xengntshr_handle *xgs)
{
	if (!xgs)
		return 0;
	pthread_mutex_lock(&handles_lock);
	xgs->closed = true;
	drop_if_unused(xgs);
	pthread_mutex_unlock(&handles_lock);
	return 0;
}

SHIM_API int xengntshr_fd(xengntshr_handle *xgs)
{
	return xgs->client.fd;
}

/* Zeroed pages of our own, which nobody can shorten under a mapper. */
static int make_pages(size_t size, uint8_t **addr)
{
	int fd = memfd_create("xen-grant", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	*addr = MAP_FAILED;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
		*addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*addr != MAP_FAILED)
		return fd;
	err = errno;
	close(fd);
	return -err;
}

static int share(xengntshr_handle *h, struct shared *s, struct xsb_msg *m, uint32_t *refs)
{
	size_t size = (size_t)s->count * XSB_PAGE;
	int fd = make_pages(size, &s->addr), rc;

	if (fd < 0)
		return fd;
	rc = xsb_call(&h->client, m, &fd, 1, NULL, NULL);
	if (rc == 0 && m->len != 4 * s->count)
		rc = -EIO;
	close(fd);
	if (rc) {
		munmap(s->addr, size);
		return rc;
	}
	memcpy(refs, m->data, m->len);
	s->id = m->a[0];
	s->left = s->count;
	pthread_mutex_lock(&handles_lock);
	TAILQ_INSERT_TAIL(&h->shares, s, link);
	pthread_mutex_unlock(&handles_lock);
	return 0;
}

static void *share_pages(xengntshr_handle *h, uint32_t domid, int count, uint32_t *refs,
			 int writable, uint32_t off, evtchn_port_t port)
{
	struct xsb_msg m = { .op = XSB_GNT_SHARE };
	struct shared *s = NULL;
	int rc = count > 0 ? -ENOMEM : -EINVAL;

	if (count > (int)(XSB_DATA / 4))
		rc = -ENOSPC; /* more than gntalloc has */
	else if (count > 0)
		s = calloc(1, sizeof(*s));
	if (s)
		s->gone = calloc((size_t)count, 1);
	if (s && s->gone) {
		s->count = (uint32_t)count;
		m.a[0] = domid;
		m.a[1] = s->count;
		m.a[2] = writable != 0;
		m.a[3] = off == UINT32_MAX ? XSB_NONE : off;
		m.a[4] = port == (evtchn_port_t)-1 ? XSB_NONE : port;
		rc = share(h, s, &m, refs);
	}
	if (rc == 0)
		return s->addr;
	if (s)
		free(s->gone);
	free(s);
	errno = -rc;
	return NULL;
}

SHIM_API void *xengntshr_share_pages(xengntshr_handle *xgs, uint32_t domid, int count,
				     uint32_t *refs, int writable)
{
	return share_pages(xgs, domid, count, refs, writable, UINT32_MAX, (evtchn_port_t)-1);
}

SHIM_API void *xengntshr_share_page_notify(xengntshr_handle *xgs, uint32_t domid, uint32_t *ref,
					   int writable, uint32_t notify_offset,
					   evtchn_port_t notify_port)
{
	return share_pages(xgs, domid, 1, ref, writable, notify_offset, notify_port);
}

/* Marks what of [start, end) belongs to s; true when nothing of it is left. */
static bool cut(struct shared *s, const uint8_t *start, const uint8_t *end)
{
	uint32_t i;

	for (i = 0; i < s->count; i++) {
		const uint8_t *page = s->addr + (size_t)i * XSB_PAGE;

		if (page < start || page >= end || s->gone[i])
			continue;
		s->gone[i] = 1;
		s->left--;
	}
	return s->left == 0;
}

/*
 * As gntalloc: munmap of any range of pages; a share ends when the last page of
 * it is unmapped. Which handle is given does not matter there, nor here.
 */
SHIM_API int xengntshr_unshare(xengntshr_handle *xgs, void *start_address, uint32_t count)
{
	uint8_t *start = start_address, *end = start + (size_t)count * XSB_PAGE;
	struct xengntdev_handle *h, *hnext;
	struct shared *s, *next;

	(void)xgs;
	if (count == 0 || (uintptr_t)start % XSB_PAGE)
		return shim_result(-EINVAL);
	if (munmap(start, (size_t)count * XSB_PAGE) < 0)
		return -1;
	pthread_mutex_lock(&handles_lock);
	for (h = TAILQ_FIRST(&handles); h; h = hnext) {
		hnext = TAILQ_NEXT(h, link);
		for (s = TAILQ_FIRST(&h->shares); s; s = next) {
			next = TAILQ_NEXT(s, link);
			if (!cut(s, start, end))
				continue;
			xsb_call2(&h->client, XSB_GNT_UNSHARE, s->id, 0, NULL);
			forget(h, s);
		}
		drop_if_unused(h);
	}
	pthread_mutex_unlock(&handles_lock);
	return 0;
}
