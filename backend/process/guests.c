/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guests.c - what the store says of processes: whose backends are served by
 * one, and its number.  Every node read here is the toolstack's or our own;
 * what guests can write is not looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/kernel/procfs.h"
#include "backend/process/process.h"
#include "common/kv.h"

#define PATH 96

/* Not there, not ours to read, or nothing that we could read. */
static bool is_absent(int err)
{
	return !err || err == ENOENT || err == EACCES || err == EINVAL;
}

/* 1: there is a number. 0: none. -errno: the store is gone. */
static int read_number(struct xs_handle *xsh, const char *path, uint64_t max, uint64_t *out)
{
	char *text = xs_readf(xsh, "%s", path);
	bool ok;

	*out = 0;
	if (!text)
		return is_absent(errno) ? 0 : -errno;
	ok = parse_u64(text, max, out);
	free(text);
	return ok;
}

static int list(struct xs_handle *xsh, const char *path, char ***names, unsigned int *n)
{
	errno = 0;
	*names = xs_listf(xsh, n, "%s", path);
	return *names || is_absent(errno) ? 0 : -errno;
}

int guests_payer(struct xs_handle *xsh, unsigned int domid, unsigned int *pays)
{
	char path[PATH];
	uint64_t target;
	int r;

	snprintf(path, sizeof(path), "/local/domain/%u/target", domid);
	r = read_number(xsh, path, DOMID_LAST, &target);
	*pays = r > 0 ? (unsigned int)target : domid;
	return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ */
/* Our own backends of a kind                                          */

/* What is to be done with one. 0 or -errno: the end. */
typedef int each_backend(void *arg, unsigned int domid, unsigned int id);

static int walk_guest(struct xs_handle *xsh, const char *kind, unsigned int domid,
		      each_backend *each, void *arg)
{
	char path[PATH], **ids;
	unsigned int i, n;
	uint64_t id;
	int r;

	snprintf(path, sizeof(path), "backend/%s/%u", kind, domid);
	r = list(xsh, path, &ids, &n);
	for (i = 0; i < n && !r; i++)
		if (parse_u64(ids[i], UINT32_MAX, &id))
			r = each(arg, domid, (unsigned int)id);
	free(ids);
	return r;
}

static int walk(struct xs_handle *xsh, const char *kind, each_backend *each, void *arg)
{
	char path[PATH], **domids;
	unsigned int i, n;
	uint64_t domid;
	int r;

	snprintf(path, sizeof(path), "backend/%s", kind);
	r = list(xsh, path, &domids, &n);
	for (i = 0; i < n && !r; i++)
		if (parse_u64(domids[i], DOMID_LAST, &domid))
			r = walk_guest(xsh, kind, (unsigned int)domid, each, arg);
	free(domids);
	return r;
}

/* ------------------------------------------------------------------ */
/* tapdisk: a process for each disk                                    */

struct asked {
	struct xs_handle *xsh;
	found_process *found;
	void *arg;
};

static int tapdisk(void *arg, unsigned int domid, unsigned int id)
{
	struct asked *a = arg;
	struct served s = { domid, ACCTRING_KIND_VBD, id };
	char path[PATH];
	uint64_t pid;
	int r;

	snprintf(path, sizeof(path), "backend/vbd3/%u/%u/kthread-pid", domid, id);
	r = read_number(a->xsh, path, PID_LAST, &pid);
	if (r > 0)
		a->found(a->arg, (pid_t)pid, &s, true);
	return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ */
/* QEMU: a process for each guest                                      */

struct guest {
	struct guest *next;
	unsigned int devices;
	struct served serves;
};

struct guests {
	struct guest *first;
	unsigned int kind; /* of what is being walked */
};

/* NULL: no memory. */
static struct guest *get(struct guests *all, unsigned int domid)
{
	struct guest *g;

	for (g = all->first; g; g = g->next)
		if (g->serves.domid == domid)
			return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->serves = (struct served){ domid, ACCTRING_KIND_OTHER, 0 };
	g->next = all->first;
	all->first = g;
	return g;
}

/* All are of one kind, or it is "other"; one device, or 0. */
static int qemu_backend(void *arg, unsigned int domid, unsigned int id)
{
	struct guests *all = arg;
	struct guest *g = get(all, domid);

	if (!g)
		return -ENOMEM;
	if (!g->devices++) {
		g->serves.kind = all->kind;
		g->serves.id = all->kind == ACCTRING_KIND_OTHER ? 0 : id;
		return 0;
	}
	g->serves.id = 0;
	if (g->serves.kind != all->kind)
		g->serves.kind = ACCTRING_KIND_OTHER;
	return 0;
}

/* Emulated devices are in no directory but this one. */
static int device_models(struct xs_handle *xsh, struct guests *all)
{
	char **domids;
	unsigned int i, n;
	uint64_t domid;
	int r = list(xsh, "device-model", &domids, &n);

	for (i = 0; i < n && !r; i++)
		if (parse_u64(domids[i], DOMID_LAST, &domid) && !get(all, (unsigned int)domid))
			r = -ENOMEM;
	free(domids);
	return r;
}

static int find_guests(struct xs_handle *xsh, struct guests *all)
{
	static const struct {
		const char *name;
		unsigned int kind;
	} backends[] = {
		{ "qdisk", ACCTRING_KIND_VBD },	 { "qnic", ACCTRING_KIND_VIF },
		{ "vfb", ACCTRING_KIND_OTHER },	 { "vkbd", ACCTRING_KIND_OTHER },
		{ "qusb", ACCTRING_KIND_OTHER }, { "9pfs", ACCTRING_KIND_OTHER },
	};
	int r = device_models(xsh, all);
	unsigned int i;

	for (i = 0; i < sizeof(backends) / sizeof(backends[0]) && !r; i++) {
		all->kind = backends[i].kind;
		r = walk(xsh, backends[i].name, qemu_backend, all);
	}
	return r;
}

/* Who started it has left its number in one of these. */
static int qemu(struct asked *a, const struct served *s)
{
	char path[3][PATH];
	unsigned int i;
	uint64_t pid;
	int r = 0;

	snprintf(path[0], PATH, "libxl/%u/qdisk-backend-pid", s->domid);
	snprintf(path[1], PATH, "/local/domain/%u/image/device-model-pid", s->domid);
	snprintf(path[2], PATH, "/local/domain/%u/qemu-pid", s->domid);
	for (i = 0; i < 3 && r >= 0; i++) {
		r = read_number(a->xsh, path[i], PID_LAST, &pid);
		if (r > 0)
			a->found(a->arg, (pid_t)pid, s, false);
	}
	return r < 0 ? r : 0;
}

int guests_processes(struct xs_handle *xsh, found_process *found, void *arg)
{
	struct asked a = { xsh, found, arg };
	struct guests all = { NULL, 0 };
	struct guest *g;
	int r = find_guests(xsh, &all);

	while ((g = all.first)) {
		all.first = g->next;
		if (!r)
			r = qemu(&a, &g->serves);
		free(g);
	}
	return r ? r : walk(xsh, "vbd3", tapdisk, &a);
}
