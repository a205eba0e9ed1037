/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link's nodes in xenstore (docs/protocol.md, section 2.2). */
#include "ring/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIR "data/acctring/link"
#define PATH_MAX_ 96

static int failed(void)
{
	return errno ? -errno : -EIO;
}

/* A decimal domid; -ENOENT, -EINVAL: what stands there is no domid. */
static int read_domid(struct conn *c, const char *path)
{
	unsigned int len = 0;
	unsigned long v;
	char *s, *end;
	int ret;

	errno = 0;
	s = xs_read(c->xs, XBT_NULL, path, &len);
	if (!s)
		return failed();
	errno = 0;
	v = strtoul(s, &end, 10);
	ret = end == s || *end || errno || v >= 0x7ff0 ? -EINVAL : (int)v;
	free(s);
	return ret;
}

int store_open(struct conn *c)
{
	char path[PATH_MAX_];
	int domid;

	if (c->xs)
		return 0;
	errno = 0;
	c->xs = xs_open(0);
	if (!c->xs)
		return failed();
	domid = read_domid(c, "domid");
	if (domid < 0) {
		store_close(c);
		return domid;
	}
	c->domid = (unsigned int)domid;
	snprintf(path, sizeof(path), "/local/domain/%d/acctring", domid);
	/* without a watch we would only be late to notice another accountant */
	xs_watch(c->xs, path, "a");
	return 0;
}

void store_close(struct conn *c)
{
	xs_close(c->xs);
	c->xs = NULL;
}

int store_domid(struct conn *c)
{
	return read_domid(c, "domid");
}

bool store_alive(struct conn *c)
{
	int domid = store_domid(c);

	return domid >= 0 || domid == -EAGAIN;
}

/* Only where dom0 says nothing it is domain 0: not where we cannot read. */
int store_accountant(struct conn *c, int option)
{
	char path[PATH_MAX_];
	int domid;

	if (option >= 0)
		return option;
	snprintf(path, sizeof(path), "/local/domain/%u/acctring/accountant", c->domid);
	domid = read_domid(c, path);
	return domid == -ENOENT ? 0 : domid;
}

/* Ours, readable by the accountant; children inherit it. */
static int grant_read(struct conn *c, const char *path)
{
	struct xs_permissions perm[2] = {
		{ .id = c->domid, .perms = XS_PERM_NONE },
		{ .id = c->peer, .perms = XS_PERM_READ },
	};

	return xs_set_permissions(c->xs, XBT_NULL, path, perm, c->peer == c->domid ? 1 : 2)
		       ? 0
		       : failed();
}

static int make_dir(struct conn *c, const char *path)
{
	return xs_mkdir(c->xs, XBT_NULL, path) ? grant_read(c, path) : failed();
}

static int put(struct conn *c, const char *key, const char *value)
{
	char path[PATH_MAX_];

	snprintf(path, sizeof(path), DIR "/%d/%s", c->slot, key);
	return xs_write(c->xs, XBT_NULL, path, value, (unsigned int)strlen(value)) ? 0 : failed();
}

int store_state(struct conn *c, int state)
{
	char value[12];

	snprintf(value, sizeof(value), "%d", state);
	return put(c, "state", value);
}

static int put_all(struct conn *c, const struct pages *p, uint64_t epoch)
{
	char value[24];
	int ret = store_state(c, 1);

	if (!ret) {
		snprintf(value, sizeof(value), "%u.%u", ACCTRING_ABI_MAJOR, ACCTRING_ABI_MINOR);
		ret = put(c, "version", value);
	}
	if (!ret) {
		snprintf(value, sizeof(value), "%016" PRIx64, epoch);
		ret = put(c, "epoch", value);
	}
	if (!ret) {
		snprintf(value, sizeof(value), "%" PRIu32, p->ref);
		ret = put(c, "ring-ref", value);
	}
	if (!ret) {
		snprintf(value, sizeof(value), "%u", p->port);
		ret = put(c, "event-channel", value);
	}
	return ret ? ret : store_state(c, 4);
}

int store_publish(struct conn *c, const struct pages *p, uint64_t epoch)
{
	char path[PATH_MAX_];
	int ret;

	errno = 0;
	snprintf(path, sizeof(path), DIR "/%d", c->slot);
	/* what a dead process left; permissions are those of the new nodes */
	xs_rm(c->xs, XBT_NULL, path);
	ret = make_dir(c, "data/acctring");
	if (!ret)
		ret = make_dir(c, DIR);
	if (!ret)
		ret = make_dir(c, path);
	return ret ? ret : put_all(c, p, epoch);
}

void store_remove(struct conn *c)
{
	char path[PATH_MAX_];

	snprintf(path, sizeof(path), DIR "/%d", c->slot);
	xs_rm(c->xs, XBT_NULL, path);
}

bool store_refused(struct conn *c, uint64_t epoch, char *reason, size_t size)
{
	char path[PATH_MAX_], want[32], *s;
	unsigned int len;
	bool refused;
	int n;

	n = snprintf(path, sizeof(path), "/local/domain/%u/data/acctring/peer/%u/%d/state", c->peer,
		     c->domid, c->slot);
	snprintf(want, sizeof(want), "refused %016" PRIx64, epoch);
	s = xs_read(c->xs, XBT_NULL, path, &len);
	refused = s && !strcmp(s, want);
	free(s);
	if (!refused)
		return false;
	snprintf(path + n - 5, sizeof(path) - (size_t)n + 5, "reason");
	s = xs_read(c->xs, XBT_NULL, path, &len);
	snprintf(reason, size, "%s", s ? s : "");
	free(s);
	return true;
}

bool store_peer(struct conn *c, unsigned int peer)
{
	char path[PATH_MAX_], *s;
	unsigned int len;
	bool has;

	snprintf(path, sizeof(path), "/local/domain/%u/data/acctring/peer/%u/%d/state", peer,
		 c->domid, c->slot);
	errno = 0;
	s = xs_read(c->xs, XBT_NULL, path, &len);
	has = s || (errno != ENOENT && errno != EACCES);
	free(s);
	return has;
}

bool store_event(struct conn *c)
{
	char **w = xs_check_watch(c->xs);
	bool any = w != NULL;

	free(w);
	return any;
}
