/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A xenstore for one process: what is called of libxenstore, over a table.
 * Watches have a quota; a handle whose watch is refused is dead, as on Linux.
 */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#define NODES 256
#define WATCHES 64
#define EVENTS 256

struct xs_handle {
	bool dead;
	char *watch[WATCHES], *token[WATCHES];
	char *event[EVENTS][2];
	unsigned int events;
};

static struct {
	char *path[NODES], *value[NODES];
	struct xs_handle *handle;
	unsigned int quota, watches, opened;
	unsigned int lingering; /* of handles that were closed: not yet given back */
	int failing; /* errno of each request */
	bool down;
} store;

static char *copy(const char *text)
{
	char *s = strdup(text);

	assert_non_null(s);
	return s;
}

static void fire(struct xs_handle *h, unsigned int w, const char *path)
{
	assert_true(h->events < EVENTS);
	h->event[h->events][XS_WATCH_PATH] = copy(path);
	h->event[h->events++][XS_WATCH_TOKEN] = copy(h->token[w]);
}

static void changed(const char *path)
{
	struct xs_handle *h = store.handle;
	unsigned int w;

	for (w = 0; h && w < WATCHES; w++)
		if (h->watch[w] && !strncmp(path, h->watch[w], strlen(h->watch[w])))
			fire(h, w, path);
}

static unsigned int node_at(const char *path)
{
	unsigned int i;

	for (i = 0; i < NODES && !(store.path[i] && !strcmp(store.path[i], path)); i++)
		;
	return i;
}

static void put(const char *path, const char *value)
{
	unsigned int i = node_at(path);

	for (; i == NODES || (store.path[i] && strcmp(store.path[i], path) != 0);)
		for (i = 0; i < NODES && store.path[i]; i++)
			;
	free(store.path[i]);
	free(store.value[i]);
	store.path[i] = copy(path);
	store.value[i] = copy(value);
	changed(path);
}

static inline const char *value_at(const char *path)
{
	unsigned int i = node_at(path);

	return i < NODES ? store.value[i] : "";
}

static bool usable(struct xs_handle *h)
{
	if (h->dead)
		errno = EBADF;
	else if (store.failing)
		errno = store.failing;
	return !h->dead && !store.failing;
}

struct xs_handle *xs_open(unsigned long flags)
{
	(void)flags;
	if (store.down) {
		errno = ECONNREFUSED;
		return NULL;
	}
	store.handle = calloc(1, sizeof(*store.handle));
	assert_non_null(store.handle);
	store.opened++;
	return store.handle;
}

static void unwatch(struct xs_handle *h, unsigned int w)
{
	store.watches -= h->watch[w] != NULL;
	free(h->watch[w]);
	free(h->token[w]);
	h->watch[w] = h->token[w] = NULL;
}

void xs_close(struct xs_handle *h)
{
	unsigned int i;

	for (i = 0; i < WATCHES; i++) {
		store.lingering += h->watch[i] != NULL;
		store.watches += h->watch[i] != NULL;
		unwatch(h, i);
	}
	for (i = 0; i < h->events; i++) {
		free(h->event[i][0]);
		free(h->event[i][1]);
	}
	if (store.handle == h)
		store.handle = NULL;
	free(h);
}

int xs_fileno(struct xs_handle *h)
{
	(void)h;
	return -1;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	unsigned int i = node_at(path);

	(void)t;
	if (!usable(h))
		return NULL;
	if (i == NODES) {
		errno = ENOENT;
		return NULL;
	}
	*len = (unsigned int)strlen(store.value[i]);
	return copy(store.value[i]);
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	      unsigned int len)
{
	char value[1024];

	(void)t;
	snprintf(value, sizeof(value), "%.*s", (int)len, (const char *)data);
	if (!usable(h))
		return false;
	put(path, value);
	return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	unsigned int i;

	(void)t;
	if (!usable(h))
		return false;
	for (i = 0; i < NODES; i++) {
		if (!store.path[i] || strncmp(store.path[i], path, strlen(path)) != 0)
			continue;
		free(store.path[i]);
		free(store.value[i]);
		store.path[i] = store.value[i] = NULL;
	}
	changed(path);
	return true;
}

/* Names directly below the path, each once. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *n)
{
	char **list = calloc(1, NODES * (sizeof(*list) + 64));
	char *at = (char *)(list + NODES);
	size_t len = strlen(path);
	unsigned int i, k;

	(void)t;
	*n = 0;
	assert_non_null(list);
	for (i = 0; i < NODES && usable(h); i++) {
		if (!store.path[i] || strncmp(store.path[i], path, len) != 0 ||
		    store.path[i][len] != '/')
			continue;
		snprintf(at, 64, "%.*s", (int)strcspn(store.path[i] + len + 1, "/"),
			 store.path[i] + len + 1);
		for (k = 0; k < *n && strcmp(list[k], at) != 0; k++)
			;
		if (k < *n)
			continue;
		list[(*n)++] = at;
		at += 64;
	}
	return list;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	unsigned int w;

	if (!usable(h))
		return false;
	if (store.watches >= store.quota) {
		errno = E2BIG;
		h->dead = true;
		return false;
	}
	for (w = 0; h->watch[w]; w++)
		assert_true(w + 1 < WATCHES);
	h->watch[w] = copy(path);
	h->token[w] = copy(token);
	store.watches++;
	fire(h, w, path);
	return true;
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
	unsigned int w;

	for (w = 0; usable(h) && w < WATCHES; w++)
		if (h->watch[w] && !strcmp(h->watch[w], path) && !strcmp(h->token[w], token)) {
			unwatch(h, w);
			return true;
		}
	return false;
}

char **xs_check_watch(struct xs_handle *h)
{
	size_t size = 2 * sizeof(char *), plen, tlen;
	char **v, *path, *token;

	if (!h->events) {
		errno = h->dead ? EINVAL : EAGAIN;
		return NULL;
	}
	path = h->event[0][XS_WATCH_PATH];
	token = h->event[0][XS_WATCH_TOKEN];
	memmove(h->event, h->event + 1, --h->events * sizeof(h->event[0]));
	plen = strlen(path) + 1;
	tlen = strlen(token) + 1;
	v = malloc(size + plen + tlen);
	assert_non_null(v);
	v[XS_WATCH_PATH] = memcpy((char *)v + size, path, plen);
	v[XS_WATCH_TOKEN] = memcpy((char *)v + size + plen, token, tlen);
	free(path);
	free(token);
	return v;
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)t;
	if (usable(h) && node_at(path) == NODES)
		put(path, "");
	return usable(h);
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
			struct xs_permissions *perms, unsigned int n)
{
	(void)t;
	(void)path;
	(void)perms;
	(void)n;
	return usable(h);
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	return usable(h) ? 1 : XBT_NULL;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
	(void)t;
	(void)abort;
	return usable(h);
}

/* A moment later. */
static inline void store_settle(void)
{
	store.watches -= store.lingering;
	store.lingering = 0;
}

static void store_forget(void)
{
	unsigned int i;

	for (i = 0; i < NODES; i++) {
		free(store.path[i]);
		free(store.value[i]);
	}
	memset(&store, 0, sizeof(store));
}

#endif
