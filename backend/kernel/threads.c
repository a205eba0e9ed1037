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
#include "common/kv.h"
#include "common/log.h"
#include "common/names.h"

#define PID_LAST 4194304u /* of Linux */
#define LACKS 10u /* searches; blkback is connected a moment before its threads run */

static struct kthread *find(struct kernel *k, pid_t pid)
{
	struct kthread *t;

	LIST_FOREACH(t, &k->threads, link)
		if (t->pid == pid)
			return t;
	return NULL;
}

void kthread_remove(struct kthread *t)
{
	if (t->dev)
		t->dev->threads--;
	counter_close(&t->cpu);
	LIST_REMOVE(t, link);
	free(t);
}

/* The rest of its life is billed, or all of it when it is younger than we. */
static bool open_clock(struct kernel *k, int dir, struct kthread *t)
{
	uint64_t now = 0;
	int r;

	r = counter_open(&t->cpu, dir, "schedstat");
	if (!r)
		r = counter_schedstat(&t->cpu, &now);
	if (!r) {
		t->cpu.last = t->start <= k->began ? now : 0;
		return true;
	}
	counter_close(&t->cpu);
	if (r != -ENOENT && r != -ESRCH && !k->warned) {
		k->warned = true;
		log_warn("%s/%d/schedstat: %s: a thread is not billed", k->proc, (int)t->pid,
			 strerror(-r));
	}
	return false;
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
	memcpy(t->comm, stat->name, sizeof(t->comm));
	if (!open_clock(k, dir, t)) {
		free(t);
		return;
	}
	log_debug("thread %d (%s): found", (int)pid, t->comm);
	LIST_INSERT_HEAD(&k->threads, t, link);
}

static void look_into(struct kernel *k, int dir, pid_t pid)
{
	char text[FILE_TEXT];
	struct thread_name name;
	struct proc_stat stat;
	struct kthread *t;

	if (read_text(dir, "stat", text, sizeof(text)) < 0 || !parse_proc_stat(text, &stat) ||
	    !stat.kernel || !parse_thread_name(stat.name, &name))
		return;
	t = find(k, pid);
	if (t && t->start == stat.start) {
		t->seen = true;
		return;
	}
	if (t)
		t->pid = 0; /* it has ended: its number is another's */
	add(k, dir, pid, &stat, &name);
}

/* Its name and its clock are of one thread: the directory is. */
static void look(struct kernel *k, int proc, const char *pid_name, pid_t pid)
{
	int dir = openat(proc, pid_name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	look_into(k, dir, pid);
	close(dir);
}

/* ------------------------------------------------------------------ */
/* Whose they are                                                      */

static bool serves(const struct kthread *t, const struct kdev *d)
{
	bool disk = t->name.role == THREAD_RING;

	if (d->gone || t->name.role == THREAD_SOFTIRQ || disk != (d->kind == ACCTRING_KIND_VBD))
		return false;
	return !strcmp(t->name.base, d->base[0]) || !strcmp(t->name.base, d->base[1]);
}

static void match(struct kernel *k, struct kthread *t)
{
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link)
		if (serves(t, d)) {
			t->dev = d;
			d->threads++;
			return;
		}
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

/*
 * Not merely unseen, as when files cannot be opened: found again it would be
 * billed from its beginning.
 */
static bool ended(const struct kthread *t, int proc)
{
	char path[40];

	snprintf(path, sizeof(path), "%d", (int)t->pid);
	return !t->pid || (faccessat(proc, path, F_OK, 0) && errno == ENOENT);
}

int kernel_find_threads(struct kernel *k)
{
	struct kthread *t, *next;
	DIR *proc = opendir(k->proc);
	const struct dirent *e;
	uint64_t pid;

	if (!proc)
		return -errno;
	LIST_FOREACH(t, &k->threads, link)
		t->seen = false;
	while ((e = readdir(proc)))
		if (parse_u64(e->d_name, PID_LAST, &pid))
			look(k, dirfd(proc), e->d_name, (pid_t)pid);
	for (t = LIST_FIRST(&k->threads); t; t = next) {
		next = LIST_NEXT(t, link);
		if (!t->seen && ended(t, dirfd(proc))) {
			log_debug("thread %s: gone", t->comm);
			kthread_remove(t);
		} else if (!t->dev) {
			match(k, t);
		}
	}
	closedir(proc);
	say_lacking(k);
	return 0;
}
