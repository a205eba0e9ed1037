/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices: each is a directory of sysfs that a driver has bound.  The store is
 * asked once for each disk, for what blkback calls it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/kernel/kernel.h"
#include "backend/process/devmap.h"
#include "backend/process/process.h"
#include "common/log.h"
#include "common/names.h"

static const char *what(const struct kdev *d, char kind[NAME_TEXT])
{
	return kind_name(d->kind, kind);
}

static struct kdev *find(struct kernel *k, unsigned int kind, unsigned int domid, unsigned int id)
{
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link)
		if (!d->gone && d->kind == kind && d->domid == domid && d->id == id)
			return d;
	return NULL;
}

static struct kdev *add(struct kernel *k, int dir, uint64_t ino)
{
	struct kdev *d = calloc(1, sizeof(*d));
	unsigned int i;

	if (!d)
		return NULL;
	d->dir = dir;
	d->ino = ino;
	d->old = !k->scanned;
	for (i = 0; i < KDEV_COUNTS; i++)
		d->count[i] = COUNTER_NONE;
	LIST_INSERT_HEAD(&k->devices, d, link);
	return d;
}

/* Files and threads; its costs stay. */
static void let_go(struct kernel *k, struct kdev *d)
{
	struct kthread *t;
	unsigned int i;

	LIST_FOREACH(t, &k->threads, link)
		if (t->dev == d)
			t->dev = NULL;
	for (i = 0; i < KDEV_COUNTS; i++)
		counter_close(&d->count[i]);
	if (d->dir >= 0)
		close(d->dir);
	d->dir = -1;
	d->threads = 0;
	d->gone = true;
}

void kdev_free(struct kernel *k, struct kdev *d)
{
	let_go(k, d);
	pairs_remove(&k->pairs, d);
	if (d->payer.total)
		bill_disconnect(kernel_bill(k, d), &d->payer);
	LIST_REMOVE(d, link);
	free(d);
}

static bool is_due(const struct kdev *d)
{
	unsigned int i;

	for (i = 0; i < ACCTRING_CLASSES && !kcost_is_due(&d->cost[i]); i++)
		;
	return i < ACCTRING_CLASSES || pairs_wait(d) || d->shared_ns[POUR_POOL] ||
	       d->shared_ns[POUR_MODEL];
}

void kdev_remove(struct kernel *k, struct kdev *d)
{
	if (is_due(d))
		let_go(k, d);
	else
		kdev_free(k, d);
}

void kernel_drop_gone(struct kernel *k)
{
	struct kdev *d, *next;

	for (d = LIST_FIRST(&k->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->gone && !is_due(d))
			kdev_free(k, d);
	}
}

bool kdev_connected(const struct kdev *d)
{
	return !d->state[0] || !strcmp(d->state, "Connected");
}

/* ------------------------------------------------------------------ */
/* Names of its threads                                                */

/* The toolstack's word for the disk. -errno: the store is gone. */
static int name_disk(struct kernel *k, struct kdev *d)
{
	char *dev = xs_readf(k->xsh, "backend/vbd/%u/%u/dev", d->domid, d->id);

	if (!dev) /* not yet, or no more */
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	disk_base(d->base[0], d->domid, dev);
	free(dev);
	return 0;
}

/* What its backend has opened: the hotplug script's word. */
static int find_physical(struct kernel *k, struct kdev *d)
{
	char *dev = xs_readf(k->xsh, "backend/vbd/%u/%u/physical-device", d->domid, d->id);

	if (!dev)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	d->physical = parse_physical(dev, &d->major, &d->minor);
	free(dev);
	return 0;
}

/* Its number in this network namespace. */
static void number_vif(struct kdev *d)
{
	char path[THREAD_BASE + sizeof("net//ifindex")], text[32];
	uint64_t n;

	snprintf(path, sizeof(path), "net/%s/ifindex", d->base[1]);
	if (read_text(d->dir, path, text, sizeof(text)) > 0 && parse_count(text, &n) &&
	    n <= UINT32_MAX)
		d->ifindex = (unsigned int)n;
}

/* The interface may have been renamed; it is the one below the device. */
static void name_vif(struct kdev *d)
{
	int fd = openat(d->dir, "net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	size_t n;

	vif_base(d->base[0], d->domid, d->id);
	d->ifindex = 0;
	while (dir && (e = readdir(dir))) {
		n = strlen(e->d_name);
		if (e->d_name[0] == '.' || n >= THREAD_BASE)
			continue;
		memcpy(d->base[1], e->d_name, n + 1);
		number_vif(d);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

bool kdev_take_state(struct kdev *d)
{
	char text[KDEV_STATE];
	int n = read_text(d->dir, "state", text, sizeof(text));

	if (n < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	if (!strcmp(text, d->state))
		return false;
	memcpy(d->state, text, sizeof(d->state));
	return true;
}

/* What may come later than the directory. */
static int refresh(struct kernel *k, struct kdev *d, bool *changed)
{
	int r = 0;

	if (d->kind == ACCTRING_KIND_VIF)
		name_vif(d);
	else if (!d->base[0][0]) {
		r = name_disk(k, d);
		*changed |= d->base[0][0];
	}
	*changed |= kdev_take_state(d) || d->changed;
	d->changed = false;
	if (!r && !d->asked) {
		r = guests_payer(k->xsh, d->domid, &d->pays);
		d->asked = !r;
	}
	if (!r && d->kind == ACCTRING_KIND_VBD && !d->physical && kdev_connected(d)) {
		r = find_physical(k, d);
		*changed |= d->physical;
	}
	return r;
}

/* ------------------------------------------------------------------ */
/* The scan                                                            */

/* A driver has it.  Takes no file, so a known device is not lost when they run out. */
static bool is_served(int bus, const char *name, struct stat *st)
{
	char driver[NAME_MAX + sizeof("/driver")];

	snprintf(driver, sizeof(driver), "%s/driver", name);
	return !faccessat(bus, driver, F_OK, AT_SYMLINK_NOFOLLOW) && !fstatat(bus, name, st, 0);
}

static struct kdev *add_at(struct kernel *k, int bus, const char *name)
{
	int dir = openat(bus, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct kdev *d = NULL;
	struct stat st;

	if (dir >= 0 && !fstat(dir, &st))
		d = add(k, dir, st.st_ino);
	if (!d && dir >= 0)
		close(dir);
	return d;
}

/* The device `name`; NULL: no device, not served, or files or memory ran out. */
static struct kdev *take(struct kernel *k, int bus, const char *name, bool *changed)
{
	unsigned int kind, domid, id;
	char text[NAME_TEXT];
	struct kdev *d;
	struct stat st;

	if (!parse_device_name(name, &kind, &domid, &id) || !is_served(bus, name, &st))
		return NULL;
	d = find(k, kind, domid, id);
	if (d && d->ino == st.st_ino)
		return d;
	*changed = true;
	if (d)
		kdev_remove(k, d);
	d = add_at(k, bus, name);
	if (!d)
		return NULL;
	d->kind = kind;
	d->domid = d->pays = domid;
	d->id = id;
	log_debug("%s %u/%u: found", what(d, text), domid, id);
	return d;
}

static void drop_unseen(struct kernel *k, bool *changed)
{
	struct kdev *d, *next;
	char text[NAME_TEXT];

	for (d = LIST_FIRST(&k->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->seen || d->gone)
			continue;
		log_debug("%s %u/%u: gone", what(d, text), d->domid, d->id);
		*changed = true;
		kdev_remove(k, d);
	}
}

int kernel_find_devices(struct kernel *k, bool *changed)
{
	const struct dirent *e;
	struct kdev *d;
	char path[300];
	DIR *bus;
	int r = 0;

	*changed = false;
	snprintf(path, sizeof(path), "%s/bus/xen-backend/devices", k->sys);
	bus = opendir(path);
	if (!bus)
		return -errno;
	LIST_FOREACH(d, &k->devices, link)
		d->seen = false;
	while ((e = readdir(bus))) {
		d = take(k, dirfd(bus), e->d_name, changed);
		if (!d)
			continue;
		d->seen = true;
		if (!r)
			r = refresh(k, d, changed);
	}
	closedir(bus);
	drop_unseen(k, changed);
	k->scanned = true;
	return r;
}
