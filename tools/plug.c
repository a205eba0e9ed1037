/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plug.c - see plug.h.  What is written is what libxl writes for its own
 * kinds, so that `xl block-list` and a guest's drivers find it as ever.
 */
#include "tools/plug.h"

#include "common/kv.h"
#include "common/log.h"
#include "common/xenbus.h"
#include "common/xs.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int plug_fail(struct plug *p, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, ap);
	va_end(ap);
	return status;
}

int plug_store_failed(struct plug *p, const char *path)
{
	if (errno == EACCES || errno == EPERM)
		return plug_fail(p, EXIT_ENV, "%s: xenstore: %s, allowed: in dom0", path,
				 strerror(errno));
	return plug_fail(p, EXIT_RUNTIME, "%s: xenstore: %s", path, strerror(errno));
}

static bool exists(struct xs_handle *xsh, xs_transaction_t t, const char *path)
{
	unsigned int len;
	char *value = xs_read(xsh, t, path, &len);
	bool there = value;

	free(value);
	return there;
}

/* How many domains have the name; *domid is the last of them.  UINT_MAX: errno. */
static unsigned int named(struct plug *p, const char *text, unsigned int *domid)
{
	unsigned int i, n, hits = 0;
	char **all;
	uint64_t d;

	errno = 0;
	all = xs_listf(p->xsh, &n, "/local/domain");
	if (!all && errno)
		return UINT_MAX;

	for (i = 0; all && i < n; i++) {
		char *name = xs_readf(p->xsh, "/local/domain/%s/name", all[i]);

		if (name && !strcmp(name, text) && parse_u64(all[i], DOMID_LAST, &d)) {
			*domid = (unsigned int)d;
			hits++;
		}
		free(name);
	}
	free(all);
	return hits;
}

int plug_domain(struct plug *p, const char *what, const char *text, unsigned int *domid)
{
	char path[PLUG_PATH];
	unsigned int hits;
	uint64_t n;

	if (parse_u64(text, DOMID_LAST, &n)) {
		*domid = (unsigned int)n;
		snprintf(path, sizeof(path), "/local/domain/%u", *domid);
		errno = 0;
		if (exists(p->xsh, XBT_NULL, path))
			return 0;
		return errno == ENOENT
			       ? plug_fail(p, EXIT_RUNTIME, "%s %s: no such domain", what, text)
			       : plug_store_failed(p, path);
	}
	hits = named(p, text, domid);
	if (hits == 1)
		return 0;
	if (hits == UINT_MAX)
		return plug_store_failed(p, "/local/domain");
	if (hits)
		return plug_fail(p, EXIT_RUNTIME,
				 "%s %s: %u domains have that name, allowed: a domid", what, text,
				 hits);
	return plug_fail(p, EXIT_RUNTIME, "%s %s: no such domain, allowed: a name or a domid", what,
			 text);
}

void plug_paths(struct plug *p)
{
	snprintf(p->front, sizeof(p->front), "/local/domain/%u/device/%s/%u", p->guest,
		 p->front_kind, p->devid);
	snprintf(p->back, sizeof(p->back), "/local/domain/%u/backend/%.32s/%u/%u", p->backend,
		 p->back_kind, p->guest, p->devid);
	snprintf(p->record, sizeof(p->record), "/libxl/%u/device/%s/%u", p->guest, p->front_kind,
		 p->devid);
}

struct attaching {
	struct plug *p;
	const struct xenbus_node *front, *back;
	const char *taken; /* what is in the way */
};

bool plug_write(struct xs_handle *xsh, xs_transaction_t t, const char *dir, const char *leaf,
		const char *value)
{
	char path[PLUG_PATH * 2];

	snprintf(path, sizeof(path), "%s/%s", dir, leaf);
	return xs_write(xsh, t, path, value, (unsigned int)strlen(value));
}

static bool write_leaves(struct xs_handle *xsh, xs_transaction_t t, const char *dir,
			 const struct xenbus_node *nodes)
{
	for (; nodes->leaf; nodes++)
		if (!plug_write(xsh, t, dir, nodes->leaf, nodes->value))
			return false;
	return true;
}

static bool write_number(struct xs_handle *xsh, xs_transaction_t t, const char *dir,
			 const char *leaf, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return plug_write(xsh, t, dir, leaf, text);
}

/* Anew, with what is below to inherit: the owner does all, `reader` reads. */
static bool make_dir(struct xs_handle *xsh, xs_transaction_t t, const char *path,
		     unsigned int owner, unsigned int reader)
{
	struct xs_permissions perms[2] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	return (xs_rm(xsh, t, path) || errno == ENOENT) && xs_mkdir(xsh, t, path) &&
	       xs_set_permissions(xsh, t, path, perms, owner == reader ? 1 : 2);
}

/* backend/<kind>/<guest> is the backend's: it removes that when it is empty. */
static bool make_parent(struct xs_handle *xsh, xs_transaction_t t, const struct plug *p)
{
	struct xs_permissions perm = { .id = p->backend, .perms = XS_PERM_NONE };
	char path[PLUG_PATH];

	snprintf(path, sizeof(path), "/local/domain/%u/backend/%.32s/%u", p->backend, p->back_kind,
		 p->guest);
	return xs_mkdir(xsh, t, path) && xs_set_permissions(xsh, t, path, &perm, 1);
}

static bool attach_body(struct xs_handle *xsh, xs_transaction_t t, void *arg)
{
	struct attaching *a = arg;
	struct plug *p = a->p;
	char domain[2][PLUG_PATH];
	const struct xenbus_node both[] = {
		{ "frontend", p->front }, { "online", "1" }, { "state", "1" }, { NULL, NULL }
	};
	const struct xenbus_node mine[] = { { "backend", p->back },
					    { "state", "1" },
					    { NULL, NULL } };

	snprintf(domain[0], sizeof(domain[0]), "/local/domain/%u", p->guest);
	snprintf(domain[1], sizeof(domain[1]), "/local/domain/%u", p->backend);
	a->taken = NULL;
	if (exists(xsh, t, p->front))
		a->taken = p->front;
	else if (exists(xsh, t, p->record))
		a->taken = p->record;
	errno = EEXIST;
	if (a->taken)
		return false;
	if (!exists(xsh, t, domain[0]) || !exists(xsh, t, domain[1]))
		return false;
	/* what an earlier guest of this number left is removed with `back` */
	return make_parent(xsh, t, p) && make_dir(xsh, t, p->front, p->guest, p->backend) &&
	       make_dir(xsh, t, p->back, p->backend, p->guest) &&
	       write_leaves(xsh, t, p->back, both) &&
	       write_number(xsh, t, p->back, "frontend-id", p->guest) &&
	       write_leaves(xsh, t, p->back, a->back) && write_leaves(xsh, t, p->front, mine) &&
	       write_number(xsh, t, p->front, "backend-id", p->backend) &&
	       write_leaves(xsh, t, p->front, a->front) &&
	       /* dom0's own record: what acctring-collector and libxl believe */
	       plug_write(xsh, t, p->record, "backend", p->back) &&
	       write_leaves(xsh, t, p->record, both) &&
	       write_number(xsh, t, p->record, "frontend-id", p->guest) &&
	       write_leaves(xsh, t, p->record, a->back);
}

int plug_attach(struct plug *p, const struct xenbus_node *front, const struct xenbus_node *back)
{
	struct attaching a = { p, front, back, NULL };

	if (xenbus_transaction(p->xsh, attach_body, &a))
		return 0;
	if (a.taken)
		return plug_fail(p, EXIT_RUNTIME, "the guest has such a device: %s", a.taken);
	return plug_store_failed(p, p->back);
}

int plug_find(struct plug *p, const char *front_kind, uint32_t devid, bool *found)
{
	uint64_t backend;
	char *back, *save = NULL, *word[8];
	unsigned int n = 0;

	*found = false;
	p->front_kind = front_kind;
	p->back_kind = "";
	p->devid = devid;
	plug_paths(p);
	back = xs_readf(p->xsh, "%s/backend", p->record);
	if (!back)
		return errno == ENOENT ? 0 : plug_store_failed(p, p->record);
	*found = true;
	/* /local/domain/B/backend/KIND/F/DEV */
	while (n < 8 && (word[n] = strtok_r(n ? NULL : back, "/", &save)))
		n++;
	if (n == 7 && parse_u64(word[2], DOMID_LAST, &backend) &&
	    strlen(word[4]) < sizeof(p->kind)) {
		p->backend = (unsigned int)backend;
		snprintf(p->kind, sizeof(p->kind), "%s", word[4]);
		p->back_kind = p->kind;
		plug_paths(p);
	}
	free(back);
	if (*p->back_kind)
		return 0;
	return plug_fail(p, EXIT_RUNTIME, "%s/backend: not the path of a backend", p->record);
}
