/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mapper's side: what gntdev and the hypervisor's map, unmap and copy do. The
 * shim gets the descriptor and the offset of each page and maps them itself; the
 * broker counts the mapping until the shim says that it is gone, or its
 * connection closes. A read-only mapping gets a descriptor opened read-only, so
 * that mprotect() cannot make it writable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/grant_table.h>

#include "sandbox/broker/event.h"
#include "sandbox/broker/grant.h"

struct mapped {
	struct domain *rd; /* stays while d->mapped counts us */
	uint32_t ref;
};

struct map {
	TAILQ_ENTRY(map) link;
	uint64_t id;
	bool writable;
	uint32_t n, room;
	struct mapped *page;
	struct notify notify;
};

static uint64_t next_id = 1;

static int fd_for(struct share *s, bool writable)
{
	char path[64];

	if (writable)
		return s->fd;
	if (s->rofd < 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
		s->rofd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return s->rofd;
}

/* May domain ld map (or copy from, to) this reference? GNTST_* and the entry. */
static int access_ref(struct domain *ld, uint32_t domid, uint32_t ref, bool write,
		      struct domain **rd, struct grant **g)
{
	*rd = domain_find(domid);
	if (!*rd)
		return GNTST_bad_domain;
	if (ref >= GRANT_ENTRIES)
		return GNTST_bad_gntref;
	*g = grant_find(*rd, ref); /* "bad flags or dom", says Xen */
	if (!*g || (*g)->share->to != ld->domid || (write && !(*g)->share->writable))
		return GNTST_general_error;
	return GNTST_okay;
}

/* Index of fd among the descriptors of the reply; adds it. -1 = no descriptor. */
static int index_fd(int fd, int *out, int *nout)
{
	int i;

	if (fd < 0)
		return -1;
	for (i = 0; i < *nout; i++)
		if (out[i] == fd)
			return i;
	if (*nout == XSB_FDS)
		return -1;
	out[*nout] = fd;
	return (*nout)++;
}

static int map_room(struct map *m, uint32_t more)
{
	struct mapped *page;

	if (m->n + more <= m->room)
		return 0;
	page = realloc(m->page, (m->n + more) * sizeof(*page));
	if (!page)
		return -ENOMEM;
	memset(page + m->n, 0, more * sizeof(*page));
	m->page = page;
	m->room = m->n + more;
	return 0;
}

/* Drops the mappings from `keep` on. */
static void map_drop(struct map *m, uint32_t keep)
{
	while (m->n > keep) {
		struct mapped *p = &m->page[--m->n];
		struct grant *g = &p->rd->gt->entry[p->ref];

		if (--g->maps == 0)
			grant_unpinned(p->rd, p->ref);
		domain_put_mapped(p->rd);
	}
}

static int map_one(struct client *c, struct map *m, const struct xsb_ref *r, struct xsb_page *out,
		   int *fds, int *nfds)
{
	struct domain *rd;
	struct grant *g;
	int i;

	out->status = access_ref(c->d, r->domid, r->ref, m->writable, &rd, &g);
	if (out->status != GNTST_okay)
		return -EINVAL;
	i = index_fd(fd_for(g->share, m->writable), fds, nfds);
	if (i < 0)
		return -ENOMEM;
	out->fd = (uint32_t)i;
	out->offset = (uint64_t)g->page * XSB_PAGE;
	g->maps++;
	rd->mapped++;
	m->page[m->n++] = (struct mapped){ .rd = rd, .ref = r->ref };
	return 0;
}

static int notify_set(struct client *c, struct map *m, uint64_t off, uint64_t port)
{
	struct notify *n = &m->notify;
	bool clear = off < (uint64_t)m->n * XSB_PAGE;

	if (clear && !m->writable)
		return -EINVAL;
	if (port != XSB_NONE && event_get(c->d, port))
		return -EINVAL;
	n->port = port == XSB_NONE ? 0 : (uint32_t)port;
	if (clear) {
		struct mapped *p = &m->page[off / XSB_PAGE];
		/* the first n are filled in: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		struct grant *g = &p->rd->gt->entry[p->ref];

		n->page = mmap(NULL, XSB_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, g->share->fd,
			       (off_t)g->page * XSB_PAGE);
		if (n->page == MAP_FAILED) {
			n->page = NULL;
			return -ENOMEM;
		}
		n->byte = n->page + off % XSB_PAGE;
	}
	return 0;
}

static struct map *map_get(struct client *c, uint64_t id)
{
	struct map *m;

	TAILQ_FOREACH(m, &c->maps, link)
		if (m->id == id)
			return m;
	return NULL;
}

static struct map *map_new(struct client *c, bool writable)
{
	struct map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->id = next_id++;
	m->writable = writable;
	TAILQ_INSERT_TAIL(&c->maps, m, link);
	return m;
}

/* As in gntdev: the byte while the page is still there, the event at the end. */
static void map_free(struct client *c, struct map *m)
{
	TAILQ_REMOVE(&c->maps, m, link);
	if (m->notify.byte && !c->d->dying)
		__atomic_store_n(m->notify.byte, 0, __ATOMIC_RELEASE);
	m->notify.byte = NULL;
	map_drop(m, 0);
	notify_fire(c->d, &m->notify);
	free(m->page);
	free(m);
}

static bool fail_on_request(struct domain *d)
{
	if (!d->faults.fail_map)
		return false;
	d->faults.fail_map--;
	return true;
}

int map_pages(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *out, int *nout)
{
	uint32_t i, n = req->len / sizeof(struct xsb_ref), keep;
	struct map *m;
	int rc;

	if (n == 0 || n > XSB_FDS || req->len % sizeof(struct xsb_ref))
		return -EINVAL;
	if (req->a[0] == 0 && fail_on_request(c->d))
		return -EINVAL;
	m = req->a[0] ? map_get(c, req->a[0]) : map_new(c, req->a[1] != 0);
	if (!m)
		return req->a[0] ? -EINVAL : -ENOMEM;
	keep = m->n;
	rc = map_room(m, n);
	for (i = 0; rc == 0 && i < n; i++) {
		struct xsb_page page = { 0 };
		struct xsb_ref r;

		memcpy(&r, req->data + i * sizeof(r), sizeof(r));
		rc = map_one(c, m, &r, &page, out, nout);
		memcpy(rep->data + i * sizeof(page), &page, sizeof(page));
	}
	if (rc == 0)
		rc = notify_set(c, m, req->a[2], req->a[3]);
	if (rc) {
		*nout = 0;
		if (m->notify.port)
			event_put(c->d, m->notify.port);
		memset(&m->notify, 0, sizeof(m->notify));
		map_drop(m, keep);
		if (keep == 0)
			map_free(c, m);
		return rc;
	}
	rep->a[0] = m->id;
	rep->len = n * (uint32_t)sizeof(struct xsb_page);
	return 0;
}

int map_unmap(struct client *c, const struct xsb_msg *req)
{
	struct map *m = map_get(c, req->a[0]);

	if (!m)
		return -EINVAL;
	map_free(c, m);
	return 0;
}

/*
 * The shim copies by itself, by read and write on what it gets here. A foreign
 * end that may not be used has its status set and no descriptor.
 */
int map_copy(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *out, int *nout)
{
	uint32_t i, n = req->len / sizeof(struct xsb_end);

	if (n == 0 || n > XSB_FDS || req->len % sizeof(struct xsb_end))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		struct xsb_page page = { 0 };
		struct xsb_end end;
		struct domain *rd;
		struct grant *g;
		int idx;

		memcpy(&end, req->data + i * sizeof(end), sizeof(end));
		if (end.domid == DOM_SELF)
			end.domid = c->d->domid;
		page.status = access_ref(c->d, end.domid, end.ref, end.write, &rd, &g);
		if (page.status == GNTST_okay) {
			idx = index_fd(fd_for(g->share, end.write), out, nout);
			if (idx < 0)
				return -ENOMEM;
			page.fd = (uint32_t)idx;
			page.offset = (uint64_t)g->page * XSB_PAGE;
		}
		memcpy(rep->data + i * sizeof(page), &page, sizeof(page));
	}
	rep->len = n * (uint32_t)sizeof(struct xsb_page);
	return 0;
}

void map_client_gone(struct client *c)
{
	struct map *m, *next;

	for (m = TAILQ_FIRST(&c->maps); m; m = next) {
		next = TAILQ_NEXT(m, link);
		map_free(c, m);
	}
}
