/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads: found by their names among all processes, then known by an open
 * file, which never comes to mean another thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel/kernel.h"
#include "backend/kernel/procfs.h"
#include "backend/process/shared.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/names.h"

#define LACKS 10u /* searches; blkback is connected a moment before its threads run */

static struct kthread *find(struct kernel *k, pid_t pid)
{
	struct kthread *t;

	LIST_FOREACH(t, &k->threads, link)
		if (t->pid == pid)
			return t;
	return NULL;
}

/* Only a disk's own threads are counted: they must be there, workers need not. */
static void give(struct kthread *t, struct kdev *d)
{
	bool own = t->name.role != THREAD_WORKER;

	if (t->dev && own)
		t->dev->threads--;
	t->dev = d;
	if (d && own)
		d->threads++;
}

void kthread_remove(struct kthread *t)
{
	give(t, NULL);
	counter_close(&t->stat);
	counter_close(&t->cpu);
	LIST_REMOVE(t, link);
	free(t);
}

void kernel_warn(struct kernel *k, pid_t pid, int r)
{
	if (r == -ENOENT || r == -ESRCH || k->warned) /* it has just ended */
		return;
	k->warned = true;
	log_warn("%s/%d: %s: a thread or process is not billed", k->proc, (int)pid, strerror(-r));
}

/*
 * The rest of its life is billed, or all of it when it is younger than we.  A
 * worker may have worked for the host before it did for a VM.
 */
static bool open_clock(struct kernel *k, int dir, struct kthread *t)
{
	bool young = t->start > k->began && t->name.role < THREAD_WORKER;
	int r = clock_open(&t->cpu, dir, "schedstat", counter_schedstat, young);

	if (r)
		kernel_warn(k, t->pid, r);
	return !r;
}

static void add(struct kernel *k, int dir, pid_t pid, const struct proc_stat *stat,
		const struct thread_name *name)
{
	struct kthread *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	t->pid = pid;
	t->start = stat->start;
	t->name = *name;
	t->seen = true;
	t->stat = COUNTER_NONE;
	t->pool = -1;
	memcpy(t->comm, stat->name, sizeof(t->comm));
	if (!open_clock(k, dir, t) ||
	    (name->role == THREAD_SHARED && counter_open(&t->stat, dir, "stat"))) {
		counter_close(&t->cpu);
		free(t);
		return;
	}
	log_debug("thread %d (%s): found", (int)pid, t->comm);
	LIST_INSERT_HEAD(&k->threads, t, link);
}

static bool is_of_interest(const struct kernel *k, const char *name, struct thread_name *out)
{
	if (!k->shared || strncmp(name, "kworker/", 8))
		return parse_thread_name(name, out);
	*out = (struct thread_name){ .role = THREAD_SHARED };
	return true;
}

static void take(struct kernel *k, int dir, pid_t pid, const struct proc_stat *stat)
{
	struct thread_name name;
	struct kthread *t;

	if (!stat->kernel || !is_of_interest(k, stat->name, &name))
		return;
	t = find(k, pid);
	if (t && t->start == stat->start) {
		t->seen = true;
		return;
	}
	if (t)
		t->pid = 0; /* it has ended: its number is another's */
	add(k, dir, pid, stat, &name);
}

static void look(struct kernel *k, int proc, pid_t pid)
{
	struct proc_stat stat;
	int dir = procfs_open(proc, pid, &stat);

	if (dir < 0)
		return;
	take(k, dir, pid, &stat);
	close(dir);
}

/* ------------------------------------------------------------------ */
/* Whose they are                                                      */

static bool serves(const struct kthread *t, const struct kdev *d)
{
	bool disk = t->name.role == THREAD_RING;

	if (d->gone || disk != (d->kind == ACCTRING_KIND_VBD))
		return false;
	return !strcmp(t->name.base, d->base[0]) || !strcmp(t->name.base, d->base[1]);
}

static void match(struct kernel *k, struct kthread *t)
{
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link)
		if (serves(t, d)) {
			give(t, d);
			return;
		}
}

struct devmap_use *kernel_disks(struct kernel *k, unsigned int *n)
{
	struct devmap_use *use;
	unsigned int max = 0;
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link)
		max++;
	*n = 0;
	use = max ? calloc(max, sizeof(*use)) : NULL;
	if (!use)
		return NULL;
	LIST_FOREACH(d, &k->devices, link)
		if (!d->gone && d->physical)
			use[(*n)++] = (struct devmap_use){ d->major, d->minor, d->pays, d };
	return use;
}

/* Always anew: who uses what is below them changes while they live. */
static void match_worker(const struct devmap *map, struct kthread *t)
{
	const struct devmap_use *owner = map->uses ? devmap_owner(map, t->name.base) : NULL;

	give(t, owner ? owner->disk : NULL);
	t->host = !owner && devmap_is_host(map, t->name.base);
}

static bool lacks(const struct kdev *d)
{
	return !d->gone && !d->threads && kdev_connected(d);
}

bool kernel_lacks_threads(const struct kernel *k)
{
	const struct kdev *d;

	LIST_FOREACH(d, &k->devices, link)
		if (lacks(d) && d->lacks < LACKS)
			return true;
	return false;
}

/* Not silently: nobody pays for such a device. */
static void say_lacking(struct kernel *k)
{
	char kind[NAME_TEXT];
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link) {
		d->lacks = lacks(d) ? d->lacks + 1 : 0;
		if (d->lacks == LACKS)
			log_warn("%s %u/%u: connected, but no thread is called %s%s%s-...: what it "
				 "burns is not billed, allowed: Linux 6.1 or later, see "
				 "acctring-kernback(8)",
				 kind_name(d->kind, kind), d->domid, d->id, d->base[0],
				 d->base[1][0] ? "-... or " : "", d->base[1]);
	}
}

/* Those that are no more, and whose the others are. */
static void sort_out(struct kernel *k, int proc)
{
	struct devmap map = { .sys = k->sys };
	struct devmap_use *use = kernel_disks(k, &map.uses);
	struct kthread *t, *next;

	map.use = use;
	for (t = LIST_FIRST(&k->threads); t; t = next) {
		next = LIST_NEXT(t, link);
		/* not merely unseen: found again it would be billed from its beginning */
		if (!t->seen && (!t->pid || procfs_has_ended(proc, t->pid))) {
			log_debug("thread %s: gone", t->comm);
			kthread_remove(t);
		} else if (t->name.role == THREAD_WORKER) {
			match_worker(&map, t);
		} else if (!t->dev && t->name.role != THREAD_SHARED) {
			match(k, t);
		}
	}
	if (k->shared)
		shared_map(k, &map);
	free(use);
}

struct kthread *kernel_take_thread(struct kernel *k, pid_t pid)
{
	int proc = open(k->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct kthread *t;

	if (proc < 0)
		return NULL;
	look(k, proc, pid);
	close(proc);
	t = find(k, pid);
	if (t && !t->dev && t->name.role < THREAD_WORKER)
		match(k, t);
	return t;
}

int kernel_find_threads(struct kernel *k)
{
	DIR *proc = opendir(k->proc);
	const struct dirent *e;
	struct kthread *t;
	uint64_t pid;

	if (!proc)
		return -errno;
	LIST_FOREACH(t, &k->threads, link)
		t->seen = false;
	while ((e = readdir(proc)))
		if (parse_u64(e->d_name, PID_LAST, &pid))
			look(k, dirfd(proc), (pid_t)pid);
	sort_out(k, dirfd(proc));
	closedir(proc);
	say_lacking(k);
	return 0;
}
