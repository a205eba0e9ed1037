/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Xen for one process: the calls of libxengnttab, libxenevtchn and
 * libxenstore that libacctring makes, over one memory file.  Grants are
 * reused last in first out, and a read-only grant is one by the MMU.
 */
#ifndef TEST_RING_XEN_H
#define TEST_RING_XEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>
#include <xentoollog.h>

#include "ring/barrier.h"

#include <acctring/abi.h>

#define XEN_PAGES 4096u
#define XEN_NODES 64u

struct xen_map {
	char *at;
	unsigned int count;
	char *notify;
};

static struct {
	pthread_mutex_t lock;
	int fd;
	bool no_devices, no_store, no_watch, closed;
	unsigned int limit; /* grants that gntalloc gives */
	bool used[XEN_PAGES];
	bool writable[XEN_PAGES];
	unsigned int domid[XEN_PAGES];
	unsigned int granted;
	struct xen_map map[XEN_PAGES];
	unsigned int maps, max_maps;
	char *key[XEN_NODES], *value[XEN_NODES];
	int event_fd, watch_fd;
	unsigned int writes; /* to xenstore */
	unsigned int reads; /* of peers' nodes */
	bool bound[64]; /* ports of the handle that is open */
	char rundir[32];
	unsigned int fail_map_at; /* fail the n-th mapping from now */
} xen = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

static inline void xen_cleanup(void)
{
	char path[64];
	unsigned int i;

	for (i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "%s/slot.5.%u", xen.rundir, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/slot.9.%u", xen.rundir, i);
		unlink(path);
	}
	rmdir(xen.rundir);
}

static inline void xen_reset(void)
{
	unsigned int i;

	if (xen.fd < 0) {
		snprintf(xen.rundir, sizeof(xen.rundir), "/tmp/ring-unit.XXXXXX");
		assert_non_null(mkdtemp(xen.rundir));
		setenv("ACCTRING_RUNDIR", xen.rundir, 1);
		atexit(xen_cleanup);
		xen.fd = memfd_create("xen", 0);
		assert_true(xen.fd >= 0 && !ftruncate(xen.fd, (off_t)XEN_PAGES * 4096));
		xen.event_fd = eventfd(0, EFD_NONBLOCK);
		xen.watch_fd = eventfd(0, EFD_NONBLOCK);
	}
	assert_int_equal(xen.granted, 0);
	assert_int_equal(xen.maps, 0);
	for (i = 0; i < XEN_NODES; i++) {
		free(xen.key[i]);
		free(xen.value[i]);
		xen.key[i] = xen.value[i] = NULL;
	}
	st_relaxed(&xen.no_devices, false);
	st_relaxed(&xen.no_store, false);
	xen.no_watch = false;
	xen.limit = 1024;
	xen.fail_map_at = 0;
	xen.writes = 0;
}

/* ------------------------------------------------------------------ */
/* Grants                                                              */

static inline struct xen_map *map_slot(void)
{
	unsigned int i;

	for (i = 0; i < XEN_PAGES; i++)
		if (!xen.map[i].at)
			return &xen.map[i];
	abort();
}

static inline void *map_refs(const uint32_t *refs, unsigned int count, int prot)
{
	char *at = mmap(NULL, count * 4096ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xen_map *m = map_slot();
	unsigned int i;

	assert_ptr_not_equal(at, MAP_FAILED);
	for (i = 0; i < count; i++)
		assert_ptr_not_equal(mmap(at + i * 4096ul, 4096, prot, MAP_SHARED | MAP_FIXED,
					  xen.fd, refs[i] * 4096l),
				     MAP_FAILED);
	*m = (struct xen_map){ at, count, NULL };
	return at;
}

static inline int map_drop(void *at, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < XEN_PAGES; i++)
		if (xen.map[i].at == at)
			break;
	if (i == XEN_PAGES || xen.map[i].count != count)
		abort();
	if (xen.map[i].notify)
		st_relaxed(xen.map[i].notify, 0);
	xen.map[i].at = NULL;
	return munmap(at, count * 4096ul);
}

xengntshr_handle *xengntshr_open(xentoollog_logger *logger, unsigned flags)
{
	(void)flags;
	assert_non_null(logger);
	errno = ENOENT;
	return ld_relaxed(&xen.no_devices) ? NULL : (xengntshr_handle *)&xen;
}

int xengntshr_close(xengntshr_handle *h)
{
	(void)h;
	return 0;
}

void *xengntshr_share_pages(xengntshr_handle *h, uint32_t domid, int count, uint32_t *refs,
			    int writable)
{
	static const char zero[4096];
	unsigned int i = 0;
	void *at = NULL;
	int n = 0;

	(void)h;
	pthread_mutex_lock(&xen.lock);
	errno = ENOSPC;
	if (xen.granted + (unsigned int)count <= xen.limit) {
		for (; n < count; i++) {
			if (xen.used[i])
				continue;
			xen.used[i] = true;
			xen.writable[i] = writable;
			xen.domid[i] = domid;
			refs[n++] = i;
			if (pwrite(xen.fd, zero, 4096, i * 4096l) != 4096)
				abort();
		}
		st_relaxed(&xen.granted, xen.granted + (unsigned int)count);
		at = map_refs(refs, (unsigned int)count, PROT_READ | PROT_WRITE);
	}
	pthread_mutex_unlock(&xen.lock);
	return at;
}

void *xengntshr_share_page_notify(xengntshr_handle *h, uint32_t domid, uint32_t *ref, int writable,
				  uint32_t offset, evtchn_port_t port)
{
	void *at = xengntshr_share_pages(h, domid, 1, ref, writable);

	(void)port;
	if (at) {
		pthread_mutex_lock(&xen.lock);
		for (unsigned int i = 0; i < XEN_PAGES; i++)
			if (xen.map[i].at == at)
				xen.map[i].notify = (char *)at + offset;
		pthread_mutex_unlock(&xen.lock);
	}
	return at;
}

int xengntshr_unshare(xengntshr_handle *h, void *at, uint32_t count)
{
	unsigned int i, ref;

	(void)h;
	pthread_mutex_lock(&xen.lock);
	/* which pages: by the content's file offset, as /proc tells no more */
	for (i = 0; i < count; i++) {
		uint64_t mark = 0xfeed0000u + i, got,
			 *w = (uint64_t *)((char *)at + i * 4096ul + 4088);
		uint64_t before = *w;

		*w = mark;
		for (ref = 0; ref < XEN_PAGES; ref++)
			if (xen.used[ref] && pread(xen.fd, &got, 8, ref * 4096l + 4088) == 8 &&
			    got == mark)
				break;
		*w = before;
		if (ref >= XEN_PAGES)
			abort();
		xen.used[ref] = false;
	}
	st_relaxed(&xen.granted, xen.granted - count);
	map_drop(at, count);
	pthread_mutex_unlock(&xen.lock);
	return 0;
}

static inline void *gnttab_map(uint32_t count, const uint32_t *refs, int prot)
{
	void *at = NULL;
	uint32_t i;

	pthread_mutex_lock(&xen.lock);
	errno = EINVAL;
	for (i = 0; i < count; i++)
		if (refs[i] >= XEN_PAGES || !xen.used[refs[i]] ||
		    ((prot & PROT_WRITE) && !xen.writable[refs[i]]))
			break;
	if (xen.fail_map_at && !--xen.fail_map_at)
		i = count + 1;
	if (i == count) {
		at = map_refs(refs, count, prot);
		xen.maps++;
	}
	pthread_mutex_unlock(&xen.lock);
	return at;
}

void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot)
{
	(void)h;
	(void)domid;
	return gnttab_map(1, &ref, prot);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *h, uint32_t count, uint32_t domid,
				      uint32_t *refs, int prot)
{
	(void)h;
	(void)domid;
	return gnttab_map(count, refs, prot);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot,
				     uint32_t offset, evtchn_port_t port)
{
	char *at = gnttab_map(1, &ref, prot);

	(void)h;
	(void)domid;
	(void)port;
	for (unsigned int i = 0; at && i < XEN_PAGES; i++)
		if (xen.map[i].at == at)
			xen.map[i].notify = at + offset;
	return at;
}

int xengnttab_unmap(xengnttab_handle *h, void *at, uint32_t count)
{
	int ret;

	(void)h;
	pthread_mutex_lock(&xen.lock);
	ret = map_drop(at, count);
	xen.maps--;
	pthread_mutex_unlock(&xen.lock);
	return ret;
}

/* ------------------------------------------------------------------ */
/* Event channels                                                      */

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned int flags)
{
	(void)flags;
	assert_non_null(logger);
	errno = ENOENT;
	return ld_relaxed(&xen.no_devices) ? NULL : (xenevtchn_handle *)&xen;
}

/* The numbers of its ports are free, and given out again. */
int xenevtchn_close(xenevtchn_handle *h)
{
	(void)h;
	pthread_mutex_lock(&xen.lock);
	memset(xen.bound, 0, sizeof(xen.bound));
	pthread_mutex_unlock(&xen.lock);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	(void)h;
	return xen.event_fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *h, uint32_t domid)
{
	(void)h;
	(void)domid;
	int i;

	pthread_mutex_lock(&xen.lock);
	for (i = 1; xen.bound[i]; i++)
		;
	xen.bound[i] = true;
	pthread_mutex_unlock(&xen.lock);
	return i;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
						     evtchn_port_t port)
{
	(void)h;
	(void)domid;
	(void)port;
	return 1000 + (int)port;
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h;
	pthread_mutex_lock(&xen.lock);
	if (port < 64)
		xen.bound[port] = false;
	pthread_mutex_unlock(&xen.lock);
	return 0;
}

static inline bool port_bound(unsigned int port)
{
	bool bound;

	pthread_mutex_lock(&xen.lock);
	bound = port < 64 && xen.bound[port];
	pthread_mutex_unlock(&xen.lock);
	return bound;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	uint64_t v;

	(void)h;
	return read(xen.event_fd, &v, sizeof(v)) == sizeof(v) ? 1 : -1;
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h;
	(void)port;
	return 0;
}

/* ------------------------------------------------------------------ */
/* Store                                                               */

static inline int node_find(const char *path)
{
	unsigned int i;

	for (i = 0; i < XEN_NODES; i++)
		if (xen.key[i] && !strcmp(xen.key[i], path))
			return (int)i;
	return -1;
}

static inline void node_set(const char *path, const char *value)
{
	const uint64_t one = 1;
	int i;

	pthread_mutex_lock(&xen.lock);
	i = node_find(path);
	for (unsigned int j = 0; i < 0 && j < XEN_NODES; j++)
		if (!xen.key[j])
			xen.key[i = (int)j] = strdup(path);
	assert_true(i >= 0);
	free(xen.value[i]);
	xen.value[i] = strdup(value);
	if (strstr(path, "/acctring/accountant") && !xen.no_watch &&
	    write(xen.watch_fd, &one, 8) != 8)
		abort();
	pthread_mutex_unlock(&xen.lock);
}

/* A copy, or NULL. */
static inline char *node_get(const char *path)
{
	char *value = NULL;
	int i;

	pthread_mutex_lock(&xen.lock);
	i = node_find(path);
	if (i >= 0)
		value = strdup(xen.value[i]);
	pthread_mutex_unlock(&xen.lock);
	errno = ENOENT;
	return value;
}

static inline bool node_is(const char *path)
{
	char *value = node_get(path);
	bool is = value != NULL;

	free(value);
	return is;
}

struct xs_handle *xs_open(unsigned long flags)
{
	(void)flags;
	errno = ENOENT;
	xen.closed = false;
	return ld_relaxed(&xen.no_store) ? NULL : (struct xs_handle *)&xen;
}

void xs_close(struct xs_handle *h)
{
	(void)h;
}

void xs_daemon_destroy_postfork(struct xs_handle *h)
{
	(void)h;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	char *v = node_get(path);

	(void)h;
	(void)t;
	if (strstr(path, "/peer/"))
		__atomic_fetch_add(&xen.reads, 1, __ATOMIC_RELAXED);
	if (v)
		*len = (unsigned int)strlen(v);
	return v;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	      unsigned int len)
{
	char value[256];

	(void)h;
	(void)t;
	if (xen.closed)
		return false;
	snprintf(value, sizeof(value), "%.*s", (int)len, (const char *)data);
	node_set(path, value);
	st_relaxed(&xen.writes, xen.writes + 1);
	return true;
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)h;
	(void)t;
	(void)path;
	return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)h;
	(void)t;
	pthread_mutex_lock(&xen.lock);
	for (unsigned int i = 0; i < XEN_NODES; i++)
		if (xen.key[i] && !strncmp(xen.key[i], path, strlen(path))) {
			free(xen.key[i]);
			free(xen.value[i]);
			xen.key[i] = xen.value[i] = NULL;
		}
	pthread_mutex_unlock(&xen.lock);
	return true;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
			struct xs_permissions *perms, unsigned int n)
{
	(void)h;
	(void)t;
	(void)path;
	return n && perms[0].perms == XS_PERM_NONE;
}

/* None are kept: they are set. */
struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
					  unsigned int *n)
{
	(void)h;
	(void)t;
	(void)path;
	*n = 0;
	return NULL;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	(void)h;
	(void)path;
	(void)token;
	errno = E2BIG;
	xen.closed = xen.no_watch; /* as libxenstore does on Linux */
	return !xen.no_watch;
}

int xs_fileno(struct xs_handle *h)
{
	(void)h;
	return xen.watch_fd;
}

char **xs_check_watch(struct xs_handle *h)
{
	uint64_t v;

	(void)h;
	return read(xen.watch_fd, &v, sizeof(v)) == sizeof(v) ? calloc(1, sizeof(char *)) : NULL;
}

#endif
