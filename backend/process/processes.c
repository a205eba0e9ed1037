/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * processes.c - processes that the store names: are they what it says, what
 * have they burned.  A number in the store may be of one that has ended, and
 * by now another's; so its arguments must fit.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel/procfs.h"
#include "backend/process/process.h"
#include "backend/process/worker.h"
#include "common/log.h"
#include "common/names.h"

#define WORDS 16384u /* of a command line: QEMU's are long */

struct scan {
	struct kernel *k;
	int proc;
	int error; /* the store's, or files ran out */
};

static struct kproc *find(struct kernel *k, pid_t pid)
{
	struct kproc *p;

	LIST_FOREACH(p, &k->procs, link)
		if (!p->gone && p->pid == pid)
			return p;
	return NULL;
}

void kproc_free(struct kernel *k, struct kproc *p)
{
	counter_close(&p->cpu);
	if (p->payer.total)
		bill_disconnect(&k->bill[p->serves.kind], &p->payer);
	LIST_REMOVE(p, link);
	free(p);
}

/* It is the VM's no more: forgets it, but not what it cost. */
static void let_go(struct kernel *k, struct kproc *p)
{
	counter_close(&p->cpu);
	p->gone = true;
	if (!kcost_is_due(&p->cost))
		kproc_free(k, p);
}

static void say(const struct kproc *p, const char *what)
{
	char kind[NAME_TEXT];

	log_debug("process %d (%s) of %s %u/%u: %s", (int)p->pid, p->name,
		  kind_name(p->serves.kind, kind), p->serves.domid, p->serves.id, what);
}

/* ------------------------------------------------------------------ */
/* The scan                                                            */

/*
 * Is it what the store says?  1: yes, and what it serves is then in *s.  0: no.
 * -errno: it cannot be told.
 */
static int is_it(int dir, const struct proc_stat *stat, bool tapdisk, struct served *s)
{
	char words[WORDS];
	int n;

	if (stat->kernel)
		return 0;
	n = read_text(dir, "cmdline", words, sizeof(words));
	if (n <= 0)
		return n;
	if (tapdisk)
		return is_tapdisk(words, (size_t)n);
	if (!qemu_serves(words, (size_t)n, s->domid))
		return 0;
	if (!qemu_attaches(words, (size_t)n)) { /* it emulates devices, too */
		s->kind = ACCTRING_KIND_OTHER;
		s->id = 0;
	}
	return 1;
}

static struct kproc *add(struct scan *c, pid_t pid, const struct proc_stat *stat,
			 const struct served *s)
{
	struct kproc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pid = pid;
	p->start = stat->start;
	p->serves = *s;
	p->claims = 1;
	p->cpu = COUNTER_NONE;
	memcpy(p->name, stat->name, sizeof(p->name));
	c->error = guests_payer(c->k->xsh, s->domid, &p->pays);
	if (c->error) {
		free(p);
		return NULL;
	}
	LIST_INSERT_HEAD(&c->k->procs, p, link);
	return p;
}

static void add_new(struct scan *c, int dir, pid_t pid, const struct proc_stat *stat,
		    const struct served *s)
{
	struct kproc *p = add(c, pid, stat, s);
	int r;

	if (!p)
		return;
	r = clock_open(&p->cpu, dir, "stat", counter_process, stat->start > c->k->began);
	if (!r) {
		say(p, "found");
		return;
	}
	kernel_warn(c->k, pid, r);
	kproc_free(c->k, p);
}

/* It serves another VM or device from now on: the clock goes with it. */
static void hand_over(struct scan *c, struct kproc *p, const struct proc_stat *stat,
		      const struct served *s)
{
	struct kproc *to = add(c, p->pid, stat, s);

	if (!to)
		return;
	to->cpu = p->cpu;
	p->cpu = COUNTER_NONE;
	say(to, "has gone over to it");
	let_go(c->k, p);
}

static bool is_same(const struct served *a, const struct served *b)
{
	return a->domid == b->domid && a->kind == b->kind && a->id == b->id;
}

static void take(struct scan *c, int dir, pid_t pid, const struct proc_stat *stat,
		 const struct served *s)
{
	struct kproc *p = find(c->k, pid);

	if (p && p->start != stat->start) { /* it has ended: its number is another's */
		let_go(c->k, p);
		p = NULL;
	}
	if (!p)
		add_new(c, dir, pid, stat, s);
	else if (p->claims)
		p->claims += p->serves.domid != s->domid;
	else if (!p->lost && is_same(&p->serves, s))
		p->claims = 1;
	else
		hand_over(c, p, stat, s);
}

/* Then nothing can be said of any, and all stays as it was. */
static bool ran_out(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static void found(void *arg, pid_t pid, const struct served *named, bool tapdisk)
{
	struct scan *c = arg;
	struct served s = *named;
	struct proc_stat stat;
	int dir, r;

	if (c->error)
		return;
	dir = procfs_open(c->proc, pid, &stat);
	r = dir < 0 ? dir : is_it(dir, &stat, tapdisk, &s);
	if (r > 0)
		take(c, dir, pid, &stat, &s);
	else if (ran_out(r))
		c->error = r;
	else if (r < 0)
		kernel_warn(c->k, pid, r);
	if (dir >= 0)
		close(dir);
}

/*
 * Who is not named any more is still known, until it ends: found again it
 * would be billed from its beginning.
 */
static void judge(struct kernel *k, int proc)
{
	struct kproc *p, *next;

	for (p = LIST_FIRST(&k->procs); p; p = next) {
		next = LIST_NEXT(p, link);
		if (p->gone)
			continue;
		p->several = p->claims > 1;
		if (!p->claims && !p->lost)
			say(p, "gone");
		p->lost = !p->claims;
		if (p->lost && procfs_has_ended(proc, p->pid))
			let_go(k, p);
	}
}

int kernel_find_processes(struct kernel *k)
{
	DIR *proc = opendir(k->proc);
	struct scan c = { .k = k };
	struct kproc *p;
	int r;

	if (!proc)
		return -errno;
	c.proc = dirfd(proc);
	LIST_FOREACH(p, &k->procs, link)
		p->claims = 0;
	r = guests_processes(k->xsh, found, &c);
	if (!r)
		r = c.error;
	if (!r)
		judge(k, c.proc);
	closedir(proc);
	return r;
}

/* ------------------------------------------------------------------ */
/* Clocks                                                              */

bool kernel_gather_processes(struct kernel *k)
{
	struct kproc *p, *next;
	bool ended = false;
	uint64_t now, ns;
	int r;

	for (p = LIST_FIRST(&k->procs); p; p = next) {
		next = LIST_NEXT(p, link);
		if (p->gone)
			continue;
		r = counter_process(&p->cpu, &now);
		if (r == -ESRCH) {
			say(p, "ended");
			let_go(k, p);
			ended = true;
		} else if (!r) {
			ns = clock_since(&p->cpu, now);
			if (!p->several && !p->lost && !k->level2)
				p->cost.ns += ns;
		}
	}
	return ended;
}
