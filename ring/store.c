/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link's node in xenstore (docs/protocol.md, section 2.2).  One node, one
 * write: the store counts both, for all processes of a domain together.
 */
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
	return 0;
}

/*
 * Linux tells that the store refuses a watch by failing the write of the
 * request, and libxenstore then closes the handle: another one, that has none.
 */
int store_watch(struct conn *c)
{
	char path[PATH_MAX_];

	if (c->watched || c->unwatchable || c->slot >= WATCH_SLOTS)
		return 0;
	/* not the directory: in an accountant's domain dom0 writes there each second */
	snprintf(path, sizeof(path), "/local/domain/%u/acctring/accountant", c->domid);
	c->watched = xs_watch(c->xs, path, "a");
	if (c->watched)
		return 0;
	c->unwatchable = true;
	store_close(c);
	return store_open(c);
}

void store_close(struct conn *c)
{
	xs_close(c->xs);
	c->xs = NULL;
	c->watched = false;
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

/* Ours, readable by the accountant. */
static unsigned int wanted(const struct conn *c, struct xs_permissions perm[2])
{
	perm[0] = (struct xs_permissions){ .id = c->domid, .perms = XS_PERM_NONE };
	perm[1] = (struct xs_permissions){ .id = c->peer, .perms = XS_PERM_READ };
	return c->peer == c->domid ? 1 : 2;
}

/* So it is nearly always: what is made in a directory inherits from it. */
static bool is_shared(struct conn *c, const char *path)
{
	struct xs_permissions want[2], *is;
	unsigned int i, n = wanted(c, want), have = 0;
	bool same;

	is = xs_get_permissions(c->xs, XBT_NULL, path, &have);
	same = is && have == n;
	for (i = 0; same && i < n; i++)
		same = is[i].id == want[i].id && is[i].perms == want[i].perms;
	free(is);
	return same;
}

static int share_with_peer(struct conn *c, const char *path)
{
	struct xs_permissions want[2];
	unsigned int n = wanted(c, want);

	if (is_shared(c, path))
		return 0;
	errno = 0;
	return xs_set_permissions(c->xs, XBT_NULL, path, want, n) ? 0 : failed();
}

static int make_dir(struct conn *c, const char *path)
{
	if (is_shared(c, path))
		return 0;
	errno = 0;
	return xs_mkdir(c->xs, XBT_NULL, path) ? share_with_peer(c, path) : failed();
}

static void slot_path(const struct conn *c, char path[PATH_MAX_])
{
	snprintf(path, PATH_MAX_, DIR "/%d", c->slot);
}

int store_state(struct conn *c, int state)
{
	char path[PATH_MAX_], line[sizeof(c->node) + 16];

	slot_path(c, path);
	snprintf(line, sizeof(line), "%s state=%d", c->node, state);
	errno = 0;
	return xs_write(c->xs, XBT_NULL, path, line, (unsigned int)strlen(line)) ? 0 : failed();
}

/* What a dead process left in the slot is overwritten. */
int store_publish(struct conn *c, const struct pages *p, uint64_t epoch)
{
	char path[PATH_MAX_];
	int ret;

	snprintf(c->node, sizeof(c->node),
		 "v=1 abi=%u.%u epoch=%016" PRIx64 " ref=%" PRIu32 " port=%u", ACCTRING_ABI_MAJOR,
		 ACCTRING_ABI_MINOR, epoch, p->ref, p->port);
	ret = make_dir(c, "data/acctring");
	if (!ret)
		ret = make_dir(c, DIR);
	if (!ret)
		ret = store_state(c, 4);
	slot_path(c, path);
	/* the accountant of an earlier process may have been another */
	return ret ? ret : share_with_peer(c, path);
}

void store_remove(struct conn *c)
{
	char path[PATH_MAX_];

	slot_path(c, path);
	xs_rm(c->xs, XBT_NULL, path);
}

static char *read_peer(struct conn *c, unsigned int peer)
{
	char path[PATH_MAX_];
	unsigned int len;

	snprintf(path, sizeof(path), "/local/domain/%u/data/acctring/peer/%u/%d", peer, c->domid,
		 c->slot);
	errno = 0;
	return xs_read(c->xs, XBT_NULL, path, &len);
}

bool store_unread(struct conn *c)
{
	char path[PATH_MAX_], *line, *said, *at;
	unsigned int len;
	bool unread;

	slot_path(c, path);
	line = xs_read(c->xs, XBT_NULL, path, &len);
	at = line ? strstr(line, " epoch=") : NULL;
	if (!at || strlen(at) < 23 || !strstr(at, " state=4") || !is_shared(c, path)) {
		free(line);
		return false;
	}
	at[23] = 0;
	said = read_peer(c, c->peer);
	unread = !said || !strstr(said, at + 7);
	free(said);
	free(line);
	return unread;
}

bool store_refused(struct conn *c, uint64_t epoch, char *reason, size_t size)
{
	char want[32], *s = read_peer(c, c->peer);
	size_t n = (size_t)snprintf(want, sizeof(want), "refused %016" PRIx64, epoch);
	bool refused = s && !strncmp(s, want, n) && (!s[n] || s[n] == ' ');

	if (refused)
		snprintf(reason, size, "%s", s[n] ? s + n + 1 : "");
	free(s);
	return refused;
}

bool store_peer(struct conn *c, unsigned int peer)
{
	char *s = read_peer(c, peer);
	bool has = s || (errno != ENOENT && errno != EACCES);

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
