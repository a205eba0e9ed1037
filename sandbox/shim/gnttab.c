/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxengnttab, the mapper's side. The broker says where each page is (a memfd
 * and an offset); they are mapped here, one beside the other. A mapping is not
 * inherited by fork, and a handle that was may only be closed. The logger is not
 * used: nothing is printed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "sandbox/shim/gnttab.h"

struct mapping {
	TAILQ_ENTRY(mapping) link;
	void *addr;
	uint32_t count;
	uint64_t id;
};

SHIM_API xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
	xengnttab_handle *h = calloc(1, sizeof(*h));
	int rc;

	(void)logger, (void)open_flags;
	if (!h)
		return NULL;
	rc = xsb_open(&h->client);
	if (rc) {
		free(h);
		errno = -rc;
		return NULL;
	}
	h->owner = getpid();
	TAILQ_INIT(&h->mappings);
	pthread_mutex_init(&h->lock, NULL);
	return h;
}

SHIM_API int xengnttab_close(xengnttab_handle *xgt)
{
	struct mapping *m, *next;

	if (!xgt)
		return 0;
	for (m = TAILQ_FIRST(&xgt->mappings); m; m = next) {
		next = TAILQ_NEXT(m, link);
		if (xgt->owner == getpid()) {
			munmap(m->addr, (size_t)m->count * XSB_PAGE);
			xsb_call2(&xgt->client, XSB_GNT_UNMAP, m->id, 0, NULL);
		}
		TAILQ_REMOVE(&xgt->mappings, m, link);
		free(m);
	}
	xsb_close(&xgt->client);
	pthread_mutex_destroy(&xgt->lock);
	free(xgt);
	return 0;
}

SHIM_API int xengnttab_fd(xengnttab_handle *xgt)
{
	return xgt->client.fd;
}

SHIM_API int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
	(void)xgt, (void)nr_grants; /* as on Linux: no such limit any more */
	return 0;
}

/* Maps the pages of one reply, runs of the same file in one go. */
static int place(uint8_t *at, const struct xsb_page *page, uint32_t n, int prot, const int *fds,
		 int nfds)
{
	uint32_t i, run;

	for (i = 0; i < n; i += run) {
		for (run = 1; i + run < n; run++)
			if (page[i + run].fd != page[i].fd ||
			    page[i + run].offset != page[i].offset + (uint64_t)run * XSB_PAGE)
				break;
		if (page[i].fd >= (uint32_t)nfds)
			return -EIO;
		if (mmap(at + (size_t)i * XSB_PAGE, (size_t)run * XSB_PAGE, prot,
			 MAP_SHARED | MAP_FIXED, fds[page[i].fd],
			 (off_t)page[i].offset) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

struct wanted {
	uint32_t count, *domids, *refs, notify_offset;
	bool one_domain;
	int prot;
	evtchn_port_t notify_port;
};

/* The references [from, from + n) of w; the last call sets the notification. */
static int map_some(xengnttab_handle *h, const struct wanted *w, uint32_t from, uint32_t n,
		    uint8_t *area, uint64_t *id)
{
	bool last = from + n == w->count;
	struct xsb_page page[XSB_FDS];
	struct xsb_msg m = { .op = XSB_GNT_MAP };
	int fds[XSB_FDS], nfds = XSB_FDS, rc;
	uint32_t i;

	m.a[0] = *id;
	m.a[1] = (w->prot & PROT_WRITE) != 0;
	m.a[2] = last && w->notify_offset != UINT32_MAX ? w->notify_offset : XSB_NONE;
	m.a[3] = last && w->notify_port != (evtchn_port_t)-1 ? w->notify_port : XSB_NONE;
	for (i = 0; i < n; i++) {
		struct xsb_ref r = {
			.domid = w->domids[w->one_domain ? 0 : from + i],
			.ref = w->refs[from + i],
		};

		memcpy(m.data + i * sizeof(r), &r, sizeof(r));
	}
	m.len = n * (uint32_t)sizeof(struct xsb_ref);
	rc = xsb_call(&h->client, &m, NULL, 0, fds, &nfds);
	if (rc)
		return rc;
	*id = m.a[0];
	memcpy(page, m.data, n * sizeof(*page));
	rc = m.len == n * sizeof(*page)
		     ? place(area + (size_t)from * XSB_PAGE, page, n, w->prot, fds, nfds)
		     : -EIO;
	while (nfds > 0)
		close(fds[--nfds]);
	return rc;
}

static void *map_refs(xengnttab_handle *h, const struct wanted *w)
{
	size_t size = (size_t)w->count * XSB_PAGE;
	struct mapping *m = calloc(1, sizeof(*m));
	uint32_t from, n;
	uint64_t id = 0;
	void *area;
	int rc = 0;

	area = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!m || area == MAP_FAILED) {
		free(m);
		return NULL;
	}
	for (from = 0; rc == 0 && from < w->count; from += n) {
		n = w->count - from < XSB_FDS ? w->count - from : XSB_FDS;
		rc = map_some(h, w, from, n, area, &id);
	}
	if (rc) {
		munmap(area, size);
		if (id)
			xsb_call2(&h->client, XSB_GNT_UNMAP, id, 0, NULL);
		free(m);
		errno = -rc;
		return NULL;
	}
	madvise(area, size, MADV_DONTFORK);
	*m = (struct mapping){ .addr = area, .count = w->count, .id = id };
	pthread_mutex_lock(&h->lock);
	TAILQ_INSERT_HEAD(&h->mappings, m, link);
	pthread_mutex_unlock(&h->lock);
	return area;
}

static void *map_checked(xengnttab_handle *h, const struct wanted *w)
{
	if (w->count == 0) {
		errno = EINVAL;
		return NULL;
	}
	return map_refs(h, w);
}

SHIM_API void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref,
				       int prot)
{
	return xengnttab_map_grant_ref_notify(xgt, domid, ref, prot, UINT32_MAX, (evtchn_port_t)-1);
}

SHIM_API void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid, uint32_t ref,
					      int prot, uint32_t notify_offset,
					      evtchn_port_t notify_port)
{
	const struct wanted w = {
		.count = 1,
		.domids = &domid,
		.refs = &ref,
		.one_domain = true,
		.prot = prot,
		.notify_offset = notify_offset,
		.notify_port = notify_port,
	};

	return map_checked(xgt, &w);
}

SHIM_API void *xengnttab_map_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t *domids,
					uint32_t *refs, int prot)
{
	const struct wanted w = {
		.count = count,
		.domids = domids,
		.refs = refs,
		.prot = prot,
		.notify_offset = UINT32_MAX,
		.notify_port = (evtchn_port_t)-1,
	};

	return map_checked(xgt, &w);
}

SHIM_API void *xengnttab_map_domain_grant_refs(xengnttab_handle *xgt, uint32_t count,
					       uint32_t domid, uint32_t *refs, int prot)
{
	const struct wanted w = {
		.count = count,
		.domids = &domid,
		.refs = refs,
		.one_domain = true,
		.prot = prot,
		.notify_offset = UINT32_MAX,
		.notify_port = (evtchn_port_t)-1,
	};

	return map_checked(xgt, &w);
}

static struct mapping *find(xengnttab_handle *h, const void *addr, uint32_t count)
{
	struct mapping *m;

	for (m = TAILQ_FIRST(&h->mappings); m; m = TAILQ_NEXT(m, link)) {
		if (m->addr == addr && m->count == count)
			return m;
	}
	return NULL;
}

/* Only a whole mapping, from its start, as gntdev has it. */
SHIM_API int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	struct mapping *m;
	int rc;

	pthread_mutex_lock(&xgt->lock);
	m = find(xgt, start_address, count);
	if (m)
		TAILQ_REMOVE(&xgt->mappings, m, link);
	pthread_mutex_unlock(&xgt->lock);
	if (!m)
		return shim_result(-EINVAL);
	munmap(m->addr, (size_t)count * XSB_PAGE);
	rc = xsb_call2(&xgt->client, XSB_GNT_UNMAP, m->id, 0, NULL);
	free(m);
	return shim_result(rc);
}
