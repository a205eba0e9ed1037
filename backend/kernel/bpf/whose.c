/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * whose.c - see whose.h.  A name is believed for pools only, and of the
 * kernel's threads; what goes to a VM is by number, from the store or sysfs.
 */
#include "backend/kernel/bpf/whose.h"

#include <fcntl.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/kernel/procfs.h"
#include "backend/process/devmap.h"
#include "backend/process/files.h"

#define WORDS 256u /* of a command line: its program's name is enough */
#define WAITS 24u /* periods that a QEMU may wait to be found in the store */
#define MINOR_BITS 20u

/* A thread or process that is known. */
struct by_pid {
	pid_t pid;
	struct kthread *thread;
	struct kproc *process;
};

struct known_disk {
	struct known_disk *next;
	unsigned int id; /* BPF_DEV() */
	struct kdev *dev; /* NULL: */
	bool host;
};

/* ------------------------------------------------------------------ */
/* Threads and processes                                               */

static int order(const void *a, const void *b)
{
	pid_t p = ((const struct by_pid *)a)->pid, q = ((const struct by_pid *)b)->pid;

	return p < q ? -1 : p > q;
}

bool whose_begin(struct whose *w)
{
	unsigned int n = 0;
	struct kthread *t;
	struct kproc *p;

	LIST_FOREACH(t, &w->k->threads, link)
		n++;
	LIST_FOREACH(p, &w->k->procs, link)
		n++;
	free(w->pid);
	w->pids = 0;
	w->pid = calloc(n + 1u, sizeof(*w->pid));
	if (!w->pid)
		return false;
	LIST_FOREACH(t, &w->k->threads, link)
		if (t->pid)
			w->pid[w->pids++] = (struct by_pid){ t->pid, t, NULL };
	LIST_FOREACH(p, &w->k->procs, link)
		if (!p->gone)
			w->pid[w->pids++] = (struct by_pid){ p->pid, NULL, p };
	qsort(w->pid, w->pids, sizeof(*w->pid), order);
	return true;
}

static const struct by_pid *find_pid(const struct whose *w, pid_t pid)
{
	const struct by_pid key = { .pid = pid };

	return bsearch(&key, w->pid, w->pids, sizeof(key), order);
}

/* What it is called, and how its command line begins; false: it has ended. */
static bool name_of(const struct whose *w, pid_t pid, struct proc_stat *stat, char words[WORDS])
{
	int proc = open(w->k->proc, O_PATH | O_DIRECTORY | O_CLOEXEC), dir;

	words[0] = '\0';
	if (proc < 0)
		return false;
	dir = procfs_open(proc, pid, stat);
	close(proc);
	if (dir < 0)
		return false;
	if (!stat->kernel)
		read_text(dir, "cmdline", words, WORDS);
	close(dir);
	return true;
}

/* Who has ended before we looked: a program that was short, or a thread that could be anybody's. */
static const char *pool_of_pid(const struct whose *w, pid_t pid, bool kernel)
{
	struct proc_stat stat;
	char words[WORDS];
	const char *pool;

	if (pid == getpid())
		return "acctring-kernback";
	if (!name_of(w, pid, &stat, words))
		return kernel ? NULL : "programs";
	if (!kernel && is_acctringd(words, WORDS))
		return "acctringd";
	pool = pool_of(stat.name, kernel);
	return pool ? pool : kernel ? "threads" : "programs";
}

static struct share *whose_thread(struct whose *w, struct grown *e, const char **pool)
{
	const struct by_pid *known = find_pid(w, (pid_t)e->key.id);
	struct kthread *t = known ? known->thread : NULL;

	if (!t && !e->pool)
		t = kernel_take_thread(w->k, (pid_t)e->key.id);
	if (!t) {
		if (!e->pool)
			e->pool = pool_of_pid(w, (pid_t)e->key.id, true);
		*pool = e->pool ? e->pool : "ended threads";
		return e->pool ? w->host : w->none;
	}
	if (t->dev) {
		t->dev->share[kthread_work(t)].in[BPF_IN_TASK].ns += t->held;
		t->held = 0;
		return &t->dev->share[kthread_work(t)];
	}
	if (t->name.role == THREAD_WORKER) {
		*pool = "workers of no VM or several";
		return t->host ? w->host : w->none;
	}
	t->held += e->by.ns;
	return NULL;
}

/*
 * acctringd adds its own clock to what is posted, and that has steal and
 * interrupts in it.  What it adds is to be left out of our own work, whatever
 * we have measured for it.
 */
static void hear_accountant(struct whose *w, struct grown *e)
{
	struct timespec ts;
	clockid_t id;
	uint64_t now;

	if (clock_getcpuclockid((pid_t)e->key.id, &id) || clock_gettime(id, &ts))
		return;
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (e->clock && now > e->clock)
		w->told += now - e->clock;
	e->clock = now;
}

/* It is like one that the store will name within some seconds. */
static bool may_serve(const char *name)
{
	return !strncmp(name, "qemu", 4) || !strncmp(name, "tapdisk", 7);
}

static struct share *whose_process(struct whose *w, struct grown *e, const char **pool)
{
	const struct by_pid *known = find_pid(w, (pid_t)e->key.id);
	struct proc_stat stat;
	char words[WORDS];

	*pool = "processes of no VM or several";
	if (known && known->process) {
		struct kproc *p = known->process;

		if (p->several || p->lost)
			return w->none;
		p->share.in[BPF_IN_TASK].ns += e->held;
		e->held = 0;
		return &p->share;
	}
	if (!e->pool && e->waits < WAITS && name_of(w, (pid_t)e->key.id, &stat, words) &&
	    may_serve(stat.name)) {
		w->k->unnamed |= !e->waits++;
		e->held += e->by.ns;
		return NULL;
	}
	if (!e->pool)
		e->pool = pool_of_pid(w, (pid_t)e->key.id, false);
	w->host->in[BPF_IN_TASK].ns += e->held;
	e->held = 0;
	*pool = e->pool;
	if (e->key.pool == BPF_IN_TASK && !strcmp(e->pool, "acctringd"))
		hear_accountant(w, e);
	return w->host;
}

/* ------------------------------------------------------------------ */
/* Devices                                                             */

/* blkback keeps 16 bits of a disk's number. */
struct kdev *whose_device(const struct whose *w, unsigned int kind, unsigned int domid, uint64_t id)
{
	struct kdev *d, *gone = NULL;

	LIST_FOREACH(d, &w->k->devices, link) {
		unsigned int known = kind == ACCTRING_KIND_VBD ? d->id & 0xffffu : d->id;

		if (d->kind != kind || d->domid != domid || known != id)
			continue;
		if (!d->gone)
			return d;
		gone = d;
	}
	return gone;
}

static struct share *device_share(struct whose *w, const struct bpf_key *key, const char **pool)
{
	bool disk = key->kind == BPF_VBD;
	struct kdev *d =
		whose_device(w, disk ? ACCTRING_KIND_VBD : ACCTRING_KIND_VIF, key->id, key->sub);

	*pool = "devices that are gone";
	if (!d)
		return w->none;
	return &d->share[disk ? KDEV_RING : key->kind == BPF_VIF_RX ? KDEV_RX : KDEV_TX];
}

static struct known_disk *look_up_disk(struct whose *w, unsigned int id)
{
	struct devmap map = { .sys = w->k->sys };
	struct devmap_use *use = kernel_disks(w->k, &map.uses);
	struct known_disk *d = calloc(1, sizeof(*d));
	const struct devmap_use *owner;
	char block[WORKER_BLOCK];

	if (d) {
		map.use = use;
		d->id = id;
		snprintf(block, sizeof(block), "%u:%u", id >> MINOR_BITS,
			 id & ((1u << MINOR_BITS) - 1));
		owner = map.uses ? devmap_owner(&map, block) : NULL;
		d->dev = owner ? owner->disk : NULL;
		d->host = !owner && devmap_is_host(&map, block);
		d->next = w->disks;
		w->disks = d;
	}
	free(use);
	return d;
}

static struct share *whose_disk(struct whose *w, unsigned int id, const char **pool)
{
	struct known_disk *d;

	for (d = w->disks; d && d->id != id; d = d->next)
		;
	if (!d)
		d = look_up_disk(w, id);
	if (d && d->dev)
		return &d->dev->share[KDEV_RING];
	*pool = d && d->host ? "disks" : "disks of several VMs";
	return d && d->host ? w->host : w->none;
}

static struct share *whose_file(struct whose *w, const struct bpf_key *key, const char **pool)
{
	const struct backing *b;

	if (!w->files_known)
		w->files = files_list(w->k->sys);
	w->files_known = true;
	b = files_find(w->files, key->id >> MINOR_BITS, key->id & ((1u << MINOR_BITS) - 1),
		       key->sub);
	if (b)
		return whose_disk(w, BPF_DEV(LOOP_MAJOR, b->loop), pool);
	*pool = "files";
	return w->host;
}

struct share *whose_share(struct whose *w, struct grown *e, const char **pool)
{
	switch (e->key.kind) {
	case BPF_USER:
		return whose_process(w, e, pool);
	case BPF_THREAD:
		return whose_thread(w, e, pool);
	case BPF_VIF_TX:
	case BPF_VIF_RX:
	case BPF_VBD:
		return device_share(w, &e->key, pool);
	case BPF_DISK:
		return whose_disk(w, e->key.id, pool);
	case BPF_FILE:
		return whose_file(w, &e->key, pool);
	case BPF_IDLE:
		*pool = "idle";
		return w->host;
	case BPF_HOST:
		*pool = "requests of nobody known";
		return w->host;
	default:
		*pool = "no room";
		return w->none;
	}
}

void whose_forget(struct whose *w)
{
	struct known_disk *next;

	for (; w->disks; w->disks = next) {
		next = w->disks->next;
		free(w->disks);
	}
	files_free(w->files);
	w->files = NULL;
	w->files_known = false;
}

void whose_free(struct whose *w)
{
	whose_forget(w);
	free(w->pid);
	w->pid = NULL;
}
