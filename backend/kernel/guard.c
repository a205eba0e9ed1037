/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guard.c - see guard.h.
 */
#include "backend/kernel/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "backend/admission.h"
#include "backend/kernel/kernel.h"
#include "common/clock.h"
#include "common/log.h"

#define NICE (-15)

static void warn(struct kernel *k, const struct kguard *g, const char *what, int r)
{
	if (!k->guards.warned)
		log_warn("domain %u: %s: %s: its limit does not hold", g->domid, what,
			 strerror(-r));
	k->guards.warned = true;
}

/* ------------------------------------------------------------------ */
/* Who is limited                                                      */

static bool is_limited(const struct kernel *k, const struct kdev *d)
{
	unsigned int i;

	for (i = 0; i < k->lanes; i++)
		if (!acctring_admit_more(k->lane[i], d->payer.row, ADMISSION_ANY))
			return true;
	return false;
}

/* Where it was last posted, as who serves it would ask; a ns is pending: somebody waits. */
static bool is_denied(const struct kernel *k, const struct kdev *d)
{
	return d->posted && !acctring_admit_more(k->lane[d->lane], d->payer.row, 1);
}

static struct kguard *get(struct guards *all, unsigned int domid, bool add)
{
	struct kguard *g;

	LIST_FOREACH(g, &all->list, link)
		if (g->domid == domid)
			return g;
	g = add ? calloc(1, sizeof(*g)) : NULL;
	if (!g)
		return NULL;
	g->domid = domid;
	g->quota = CGROUP_FREE;
	LIST_INSERT_HEAD(&all->list, g, link);
	return g;
}

static void look(struct kernel *k)
{
	struct kguard *g;
	struct kdev *d;

	LIST_FOREACH(g, &k->guards.list, link) {
		g->seen = g->limited = g->denied = false;
		g->used = 0;
	}
	LIST_FOREACH(d, &k->devices, link) {
		bool limited = !d->gone && d->payer.row > ACCTRING_PAYER_OWN && is_limited(k, d);

		g = d->gone ? NULL : get(&k->guards, d->pays, limited);
		if (!g)
			continue;
		g->seen = true;
		g->used += d->burned_ns;
		g->limited |= limited;
		g->denied |= limited && is_denied(k, d);
	}
}

/* ------------------------------------------------------------------ */
/* What is done about it                                               */

/* In the root, where the kernel puts its threads: else somebody else has plans for it. */
static bool is_free(const struct kernel *k, pid_t pid)
{
	char path[300], text[FILE_TEXT];
	const char *at;

	snprintf(path, sizeof(path), "%s/%d/cgroup", k->proc, (int)pid);
	if (read_text(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	at = strstr(text, "0::");
	return at && (at == text || at[-1] == '\n') && !strncmp(at + 3, "/\n", 2);
}

static void add_threads(struct kernel *k, struct kguard *g)
{
	struct kthread *t;
	int r;

	LIST_FOREACH(t, &k->threads, link) {
		if (t->guarded || t->name.role == THREAD_WORKER || !t->dev ||
		    t->dev->pays != g->domid || !t->pid)
			continue;
		if (!is_free(k, t->pid)) {
			t->guarded = true; /* asked once */
			log_warn("thread %s: in a cgroup of others: no limit holds for it",
				 t->comm);
			continue;
		}
		r = cgroup_add(&k->guards.groups, g->domid, t->pid);
		t->guarded = !r || r == -EINVAL;
		if (r && r != -ESRCH)
			warn(k, g, t->comm, r);
	}
}

static void let_go(struct kernel *k, struct kguard *g)
{
	struct kthread *t;
	int r;

	if (!g->held)
		return;
	r = cgroup_remove(&k->guards.groups, g->domid);
	if (r) { /* tried again in the next period */
		cgroup_quota(&k->guards.groups, g->domid, CGROUP_FREE);
		warn(k, g, "taking its cgroup back", r);
		return;
	}
	log_debug("domain %u: not limited any more", g->domid);
	g->held = false;
	g->quota = CGROUP_FREE;
	regulator_rest(&g->r);
	LIST_FOREACH(t, &k->threads, link)
		if (!t->dev || t->dev->pays == g->domid)
			t->guarded = false;
}

static void drop(struct kernel *k, struct kguard *g)
{
	let_go(k, g);
	LIST_REMOVE(g, link);
	free(g);
}

/* Not for little: with each write the kernel fills the quota up, and forgives what was overrun. */
static bool is_other(uint64_t a, uint64_t b)
{
	return a > b ? a - b > b / 8 : b - a > a / 8;
}

static void hold(struct kernel *k, struct kguard *g)
{
	uint64_t quota = regulator_step(&g->r, now_ns(), g->used, g->denied);
	int r;

	if (!g->held) {
		r = cgroup_make(&k->guards.groups, g->domid);
		if (r) {
			warn(k, g, "making its cgroup", r);
			return;
		}
		g->held = true;
		log_debug("domain %u: limited", g->domid);
	}
	if (is_other(quota, g->quota)) {
		r = cgroup_quota(&k->guards.groups, g->domid, quota);
		if (!r)
			g->quota = quota;
		else
			warn(k, g, "cpu.max", r);
	}
	add_threads(k, g);
}

void guard_turn(struct kernel *k)
{
	struct kguard *g, *next;

	if (!k->guards.on)
		return;
	k->guards.acts = false;
	look(k);
	for (g = LIST_FIRST(&k->guards.list); g; g = next) {
		next = LIST_NEXT(g, link);
		k->guards.acts |= g->limited;
		if (g->limited)
			hold(k, g);
		else
			let_go(k, g);
		if (!g->seen && !g->held)
			drop(k, g);
	}
}

/* ------------------------------------------------------------------ */

void guard_open(struct kernel *k, const char *sys)
{
	int r = cgroups_open(&k->guards.groups, sys);

	/* late, a guest may overrun its limit: so if we may, as acctringd's unit says of it */
	if (!r)
		setpriority(PRIO_PROCESS, 0, NICE);

	k->guards.on = !r;
	if (r)
		log_warn("%s/fs/cgroup: %s: no limit holds here, allowed: cgroup v2 with cpu, to "
			 "be written to",
			 sys, strerror(-r));
}

void guard_close(struct kernel *k)
{
	struct kguard *g, *next;

	for (g = LIST_FIRST(&k->guards.list); g; g = next) {
		next = LIST_NEXT(g, link);
		drop(k, g);
	}
	if (k->guards.on)
		cgroups_close(&k->guards.groups);
	k->guards.on = false;
}
