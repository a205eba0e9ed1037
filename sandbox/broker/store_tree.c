/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The nodes of a domain, names and permissions as libxl (4.17) makes them, and
 * those of domain 0 as xen-init-dom0 leaves them.
 *
 * All requests of a tree are queued at once; the first error among the answers
 * is the tree's error.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "sandbox/broker/broker.h"
#include "sandbox/broker/store.h"

struct store_tree {
	uint32_t domid, port, tx;
	char uuid[37], name[XSB_NAME], path[32];
	int err; /* the first of this round */
	void (*done)(void *arg, int err);
	void *arg;
};

enum perm {
	INHERIT, /* of the node above */
	NOBODY, /* domain 0's alone */
	READ, /* domain 0's, the domain reads */
	OWN, /* the domain's */
};

static void noted(void *arg, int err, const char *data, size_t len)
{
	struct store_tree *t = arg;

	(void)data, (void)len;
	if (err && !t->err)
		t->err = err;
}

static void ask(struct store_tree *t, uint32_t type, const void *data, size_t len, store_done *done)
{
	int rc = store_request(type, t->tx, data, len, done, t);

	if (rc && !t->err)
		t->err = rc;
}

static void put_node(struct store_tree *t, const char *path, const char *value, enum perm perm)
{
	char buf[512];
	int n = snprintf(buf, sizeof(buf), "%s%c%s", path, 0, value);

	ask(t, XS_WRITE, buf, (size_t)n, noted);
	switch (perm) {
	case INHERIT:
		return;
	case NOBODY:
		n = snprintf(buf, sizeof(buf), "%s%cn0", path, 0);
		break;
	case READ:
		n = snprintf(buf, sizeof(buf), "%s%cn0%cr%u", path, 0, 0, t->domid);
		break;
	case OWN:
		n = snprintf(buf, sizeof(buf), "%s%cn%u", path, 0, t->domid);
		break;
	}
	ask(t, XS_SET_PERMS, buf, (size_t)n + 1, noted);
}

static void put(struct store_tree *t, const char *top, const char *sub, const char *value,
		enum perm perm)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s%s", top, *sub ? "/" : "", sub);
	put_node(t, path, value, perm);
}

static void put_number(struct store_tree *t, const char *sub, uint32_t v)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", v);
	put(t, t->path, sub, text, INHERIT);
}

static void drop(struct store_tree *t, const char *path)
{
	/* ENOENT is the usual answer: not an error */
	ask(t, XS_RM, path, strlen(path) + 1, NULL);
}

static void domain0_nodes(struct store_tree *t)
{
	put(t, t->path, "name", t->name, INHERIT);
	put(t, t->path, "backend", "", INHERIT);
	put_number(t, "domid", 0);
	put_node(t, "/local/pool/0/name", "Pool-0", INHERIT);
	put_node(t, "/vm", "", INHERIT);
	put_node(t, "/libxl", "", INHERIT);
}

/* Permissions the domain has on its own directories: libxl__domain_make(). */
static void domain_dirs(struct store_tree *t)
{
	static const struct {
		const char *sub;
		enum perm perm;
	} dirs[] = {
		{ "cpu", READ },
		{ "memory", READ },
		{ "device", READ },
		{ "device/suspend/event-channel", OWN },
		{ "control", READ },
		{ "control/shutdown", OWN },
		{ "control/feature-poweroff", OWN },
		{ "control/feature-reboot", OWN },
		{ "control/feature-suspend", OWN },
		{ "control/sysrq", OWN },
		{ "data", OWN },
		{ "drivers", OWN },
		{ "feature", OWN },
		{ "attr", OWN },
		{ "error", OWN },
		/* any domain here may be a driver domain */
		{ "libxl", OWN },
		{ "device-model", OWN },
	};
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		put(t, t->path, dirs[i].sub, "", dirs[i].perm);
	put(t, t->path, "control/platform-feature-multiprocessor-suspend", "1", INHERIT);
	put(t, t->path, "control/platform-feature-xs_reset_watches", "1", INHERIT);
}

static void domain_nodes(struct store_tree *t)
{
	char vm[48], libxl[32];

	snprintf(vm, sizeof(vm), "/vm/%s", t->uuid);
	snprintf(libxl, sizeof(libxl), "/libxl/%u", t->domid);
	drop(t, t->path);
	put(t, t->path, "", "", READ);
	drop(t, vm);
	put(t, vm, "", "", READ);
	drop(t, libxl);
	put(t, libxl, "", "", NOBODY);
	put(t, libxl, "device", "", NOBODY);
	put(t, libxl, "type", "pv", INHERIT);
	put(t, t->path, "vm", vm, INHERIT);
	put(t, t->path, "name", t->name, INHERIT);
	domain_dirs(t);
	put(t, vm, "uuid", t->uuid, INHERIT);
	put(t, vm, "name", t->name, INHERIT);
	put_number(t, "domid", t->domid);
	put_number(t, "store/port", t->port);
	put_number(t, "store/ring-ref", 1);
	put(t, t->path, "cpu/0/availability", "online", INHERIT);
}

static void finish(struct store_tree *t, int err)
{
	store_forget(t);
	t->done(t->arg, err);
	free(t);
}

static void introduced(void *arg, int err, const char *data, size_t len)
{
	(void)data, (void)len;
	finish(arg, err);
}

static int begin(struct store_tree *t);

static void committed(void *arg, int err, const char *data, size_t len)
{
	struct store_tree *t = arg;
	char buf[48];
	int n, rc;

	(void)data, (void)len;
	if (err == -EAGAIN) {
		err = begin(t);
		if (!err)
			return;
	}
	if (!err)
		err = t->err;
	if (err || !t->domid) {
		finish(t, err);
		return;
	}
	/* the frame number is not used by a store that maps grants */
	n = snprintf(buf, sizeof(buf), "%u%c%d%c%u", t->domid, 0, 1, 0, t->port);
	rc = store_request(XS_INTRODUCE, 0, buf, (size_t)n + 1, introduced, t);
	if (rc)
		finish(t, rc);
}

static void started(void *arg, int err, const char *data, size_t len)
{
	struct store_tree *t = arg;
	int rc = err;

	(void)len;
	if (!rc) {
		t->tx = (uint32_t)strtoul(data, NULL, 10);
		if (t->domid)
			domain_nodes(t);
		else
			domain0_nodes(t);
		rc = store_request(XS_TRANSACTION_END, t->tx, "T", 2, committed, t);
	}
	if (rc)
		finish(t, rc);
}

static int begin(struct store_tree *t)
{
	t->tx = 0;
	t->err = 0;
	return store_request(XS_TRANSACTION_START, 0, "", 1, started, t);
}

static void uuid_text(char out[37], const uint8_t u[16])
{
	int i, n = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		n += sprintf(out + n, "%02x", u[i]);
	}
}

static void identify(struct store_tree *t, const struct domain *d)
{
	t->domid = d->domid;
	uuid_text(t->uuid, d->uuid);
	snprintf(t->path, sizeof(t->path), "/local/domain/%u", d->domid);
	snprintf(t->name, sizeof(t->name), "%s", d->name);
}

struct store_tree *store_tree_make(struct domain *d, uint32_t port,
				   void (*done)(void *arg, int err), void *arg)
{
	struct store_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	identify(t, d);
	t->port = port;
	t->done = done;
	t->arg = arg;
	if (!begin(t))
		return t;
	free(t);
	return NULL;
}

void store_tree_cancel(struct store_tree *t)
{
	store_forget(t);
	/* an open transaction of ours would stay until we leave */
	if (t->tx)
		store_request(XS_TRANSACTION_END, t->tx, "F", 2, NULL, NULL);
	free(t);
}

/* What libxl removes once the domain is gone. */
void store_tree_remove(const struct domain *d)
{
	struct store_tree t = { 0 };
	char path[48];

	identify(&t, d);
	snprintf(path, sizeof(path), "/vm/%s", t.uuid);
	store_request(XS_RM, 0, path, strlen(path) + 1, NULL, NULL);
	store_request(XS_RM, 0, t.path, strlen(t.path) + 1, NULL, NULL);
	snprintf(path, sizeof(path), "/libxl/%u", d->domid);
	store_request(XS_RM, 0, path, strlen(path) + 1, NULL, NULL);
}
