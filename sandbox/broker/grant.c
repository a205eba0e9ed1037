/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The granter's side: what gntalloc and the grant table of the guest do.
 *
 * A share is the pages of one xengntshr_share_pages(). The granter made the memfd
 * and has it mapped; the broker keeps one descriptor, which is what mappers get.
 * When the granter lets go (unshare, exit, kill -9), references that nobody maps
 * are free at once; a mapped one stays as it is, open for further maps by the
 * same domain, until its last mapping goes: grant table v1. Such references do
 * not count in gntalloc's limit (Linux since 5.17).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/broker/event.h"
#include "sandbox/broker/grant.h"

static uint64_t next_id = 1;

int grant_table_create(struct domain *d)
{
	struct grant_table *t = calloc(1, sizeof(*t));
	uint32_t i;

	if (!t)
		return -ENOMEM;
	TAILQ_INIT(&t->shares);
	t->free = GRANT_ENTRIES - GRANT_RESERVED;
	for (i = 0; i < t->free; i++)
		t->stack[i] = GRANT_ENTRIES - 1 - i; /* 8 on top */
	d->gt = t;
	return 0;
}

struct grant *grant_find(struct domain *d, uint32_t ref)
{
	if (ref >= GRANT_ENTRIES || !d->gt->entry[ref].share)
		return NULL;
	return &d->gt->entry[ref];
}

/* By its domain's kernel, which runs no more when the domain is destroyed. */
void notify_fire(struct domain *d, struct notify *n)
{
	if (n->byte && !d->dying)
		__atomic_store_n(n->byte, 0, __ATOMIC_RELEASE);
	if (n->page)
		munmap(n->page, XSB_PAGE);
	if (n->port) {
		if (!d->dying)
			event_send(d, n->port);
		event_put(d, n->port);
	}
	memset(n, 0, sizeof(*n));
}

static void share_free(struct share *s)
{
	TAILQ_REMOVE(&s->d->gt->shares, s, link);
	if (s->rofd >= 0)
		close(s->rofd);
	close(s->fd);
	free(s);
}

/* Frees one reference; with the last one its share goes too. */
static void ref_free(struct domain *d, uint32_t ref)
{
	struct grant_table *t = d->gt;
	struct share *s = t->entry[ref].share;

	memset(&t->entry[ref], 0, sizeof(t->entry[ref]));
	if (ref >= GRANT_RESERVED)
		t->stack[t->free++] = ref;
	if (--s->left == 0)
		share_free(s);
}

void grant_unpinned(struct domain *d, uint32_t ref)
{
	if (d->gt->entry[ref].share->ended)
		ref_free(d, ref);
}

/* The granter let go of it. */
static void share_end(struct share *s)
{
	struct domain *d = s->d;
	uint32_t ref, left = s->left;

	s->ended = true;
	d->gt->held -= s->counted;
	notify_fire(d, &s->notify);
	for (ref = 0; left && ref < GRANT_ENTRIES; ref++) {
		struct grant *g = &d->gt->entry[ref];

		if (g->share != s)
			continue;
		left--;
		if (g->maps == 0)
			ref_free(d, ref);
	}
}

void grant_table_end(struct domain *d)
{
	struct share *s, *next;

	for (s = TAILQ_FIRST(&d->gt->shares); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (!s->ended)
			share_end(s);
	}
}

void grant_table_free(struct domain *d)
{
	if (!d->gt)
		return;
	grant_table_end(d);
	free(d->gt);
	d->gt = NULL;
}

static int hold(struct client *c, struct share *s)
{
	struct share_hold *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->share = s;
	s->holds++;
	TAILQ_INSERT_TAIL(&c->holds, h, link);
	return 0;
}

static void unhold(struct client *c, struct share_hold *h)
{
	struct share *s = h->share;

	TAILQ_REMOVE(&c->holds, h, link);
	free(h);
	if (--s->holds == 0 && !s->ended)
		share_end(s);
}

/* The page with the byte, mapped before the share is sealed against writing. */
static int notify_set(struct share *s, uint32_t pages, uint64_t off, uint64_t port)
{
	struct notify *n = &s->notify;

	if (off < (uint64_t)pages * XSB_PAGE) {
		n->page = mmap(NULL, XSB_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
			       (off_t)(off & ~(uint64_t)(XSB_PAGE - 1)));
		if (n->page == MAP_FAILED) {
			n->page = NULL;
			return -errno;
		}
		n->byte = n->page + off % XSB_PAGE;
	}
	if (port != XSB_NONE) {
		int rc = event_get(s->d, port);

		if (rc)
			return rc;
		n->port = (uint32_t)port;
	}
	return 0;
}

static int check_memfd(int fd, uint32_t pages)
{
	const int must = F_SEAL_SHRINK | F_SEAL_GROW;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size != (off_t)pages * XSB_PAGE)
		return -EINVAL;
	return (fcntl(fd, F_GET_SEALS) & must) == must ? 0 : -EINVAL;
}

static struct share *share_new(struct domain *d, int fd, uint32_t to, bool writable)
{
	struct share *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->d = d;
	s->id = next_id++;
	s->fd = fd;
	s->rofd = -1;
	s->to = to;
	s->writable = writable;
	TAILQ_INSERT_TAIL(&d->gt->shares, s, link);
	return s;
}

static int share_setup(struct client *c, struct share *s, const struct xsb_msg *req)
{
	int rc = notify_set(s, (uint32_t)req->a[1], req->a[3], req->a[4]);

	if (rc == 0 && !s->writable && fcntl(s->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0)
		rc = -errno;
	return rc ? rc : hold(c, s);
}

int grant_share(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		int nfds)
{
	struct grant_table *t = c->d->gt;
	uint32_t i, count = (uint32_t)req->a[1];
	struct share *s;
	int rc;

	if (nfds != 1 || count == 0 || req->a[1] > UINT32_MAX)
		return -EINVAL;
	if (t->held + req->a[1] > GRANT_LIMIT || req->a[1] > t->free)
		return -ENOSPC;
	rc = check_memfd(fds[0], count);
	if (rc)
		return rc;
	s = share_new(c->d, fds[0], (uint32_t)req->a[0], req->a[2] != 0);
	if (!s)
		return -ENOMEM;
	fds[0] = -1;
	rc = share_setup(c, s, req);
	if (rc) {
		s->notify.byte = NULL; /* nothing was shared: nothing to tell */
		if (s->notify.port)
			event_put(c->d, s->notify.port);
		s->notify.port = 0;
		notify_fire(c->d, &s->notify);
		share_free(s);
		return rc;
	}
	for (i = 0; i < count; i++) {
		uint32_t ref = t->stack[--t->free];

		t->entry[ref] = (struct grant){ .share = s, .page = i };
		memcpy(rep->data + 4 * i, &ref, 4);
	}
	s->left = count;
	s->counted = count;
	t->held += count;
	rep->a[0] = s->id;
	rep->len = 4 * count;
	return 0;
}

int grant_unshare(struct client *c, const struct xsb_msg *req)
{
	struct share_hold *h;

	TAILQ_FOREACH(h, &c->holds, link)
		if (h->share->id == req->a[0]) {
			unhold(c, h);
			return 0;
		}
	return -EINVAL;
}

int grant_keep(struct client *c, const struct xsb_msg *req)
{
	struct share *s;

	TAILQ_FOREACH(s, &c->d->gt->shares, link)
		if (s->id == req->a[0] && !s->ended)
			return hold(c, s);
	return -ENOENT;
}

void grant_client_gone(struct client *c)
{
	struct share_hold *h, *next;

	for (h = TAILQ_FIRST(&c->holds); h; h = next) {
		next = TAILQ_NEXT(h, link);
		unhold(c, h);
	}
}

void *grant_reserved(struct domain *d, uint32_t ref, uint32_t to, int *fd)
{
	struct share *s;
	void *page;
	int mfd;

	if (ref >= GRANT_RESERVED || d->gt->entry[ref].share) {
		errno = EINVAL;
		return NULL;
	}
	mfd = memfd_create("xen-reserved", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mfd < 0)
		return NULL;
	if (ftruncate(mfd, XSB_PAGE) < 0)
		goto fail;
	fcntl(mfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	page = mmap(NULL, XSB_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mfd, 0);
	if (page == MAP_FAILED)
		goto fail;
	s = share_new(d, mfd, to, true);
	if (!s) {
		munmap(page, XSB_PAGE);
		goto fail;
	}
	d->gt->entry[ref] = (struct grant){ .share = s };
	s->left = 1;
	if (fd)
		*fd = mfd;
	return page;
fail:
	close(mfd);
	return NULL;
}
