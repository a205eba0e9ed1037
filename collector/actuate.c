/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * actuate.c - see actuate.h.
 */
#include "collector/actuate.h"

#include "collector/keep.h"
#include "common/kv.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 64u

static const char *const name[KNOBS] = { "weight", "cap" };

/* An operator's word outlives us, also where nothing is written any more. */
static int remember_found(const struct hands *h, struct entitle *e, bool turned)
{
	bool dirty = e->knob[KNOB_WEIGHT].dirty || e->knob[KNOB_CAP].dirty;
	int err;

	if (!turned && (!dirty || entitle_empty(e)))
		return 0;
	err = keep_write(h->dir, e);
	if (!err)
		entitle_kept(e);
	return err;
}

static void tell(const struct entitle *e, bool born, const enum knob_seen seen[KNOBS],
		 const uint16_t now[KNOBS], const uint16_t was[KNOBS])
{
	int i;

	for (i = 0; i < KNOBS && !entitle_empty(e); i++) {
		if (seen[i] == KNOB_OURS)
			log_warn("domain %u: was born with %s %u, which we wrote lately: it has a "
				 "right to %u; if it was meant: acctctl entitle",
				 (unsigned int)e->domid, name[i], (unsigned int)now[i],
				 (unsigned int)was[i]);
		else if (seen[i] == KNOB_THEIRS && born)
			log_warn("domain %u: was born with %s %u, not of ours lately: it has a "
				 "right to that, not to %u as before; to another: acctctl entitle",
				 (unsigned int)e->domid, name[i], (unsigned int)now[i],
				 (unsigned int)was[i]);
		else if (seen[i] == KNOB_THEIRS)
			log_info("domain %u: %s %u is not of ours: it has a right to that, not "
				 "to %u as before",
				 (unsigned int)e->domid, name[i], (unsigned int)now[i],
				 (unsigned int)was[i]);
	}
}

int actuate_see(const struct hands *h, enum sched_kind kind, struct entitle *e, uint16_t domid)
{
	uint16_t now[KNOBS] = { 0 }, was[KNOBS];
	enum knob_seen seen[KNOBS];
	bool born, turned;
	int i, err = sched_get(h->xc, kind, domid, now);

	if (err)
		return err;
	for (i = 0; i < KNOBS; i++)
		was[i] = e->knob[i].found;
	born = !e->met || e->domid != domid;
	turned = !born && entitle_turn(e, keep_now());
	entitle_see(e, domid, now, seen);
	tell(e, born, seen, now, was);
	return remember_found(h, e, turned);
}

/* Before the write that it is about. */
static int remember(const struct hands *h, struct entitle *e, enum knob_name which, uint16_t value)
{
	int err = -ENOENT;

	if (!entitle_plan(e, which, value))
		err = keep_mark(h->dir, e);
	if (err != -ENOENT) /* else: a new value, or somebody took the file */
		return err;
	err = keep_write(h->dir, e);
	if (!err)
		entitle_kept(e);
	return err;
}

int actuate_write(const struct hands *h, enum sched_kind kind, struct entitle *e,
		  enum knob_name which, uint16_t value, const char *why)
{
	struct knob *k = &e->knob[which];
	uint16_t was = k->is, now = was;
	bool unread;
	int err;

	if (k->next != was) /* an earlier write whose end is unknown: see first */
		return -EBUSY;
	if (value == was)
		return 0;
	err = remember(h, e, which, value);
	if (!err)
		err = sched_set(h->xc, kind, e->domid, which, was, value, &now);
	if (err == -EAGAIN) /* never written: also where it is the very number, it is theirs */
		k->next = was;
	/* else it may have been written: until it is seen, both are ours */
	unread = err && err != -EAGAIN && err != -EIO;
	if (!unread)
		knob_done(k, now);
	if (err == -EAGAIN)
		remember_found(h, e, false);
	if (unread)
		log_warn("domain %u: %s %u, or still %u (%s): %s", (unsigned int)e->domid,
			 name[which], (unsigned int)value, (unsigned int)was, why, strerror(-err));
	else if (err)
		log_warn("domain %u: %s %u stays, instead of %u (%s): %s", (unsigned int)e->domid,
			 name[which], (unsigned int)now, (unsigned int)value, why, strerror(-err));
	else
		log_debug("domain %u: %s %u, was %u: %s", (unsigned int)e->domid, name[which],
			  (unsigned int)value, (unsigned int)was, why);
	return err;
}

int actuate_back(const struct hands *h, enum sched_kind kind, struct entitle *e, const char *why)
{
	int i, err, first = 0;

	for (i = 0; i < KNOBS; i++) {
		struct knob *k = &e->knob[i];

		if (!knob_ours(k))
			continue;
		err = actuate_write(h, kind, e, (enum knob_name)i, k->found, why);
		if (!err) /* from now on what was there before is an operator's */
			keep_mark(h->dir, e);
		if (!err)
			log_info("domain %u: %s %u given back: %s", (unsigned int)e->domid, name[i],
				 (unsigned int)k->found, why);
		else if (err != -EAGAIN) /* what an operator wrote stays */
			first = err;
	}
	return first;
}

/* ------------------------------------------------------------------ */

struct restoring {
	const struct hands *h;
	const char *why;
	const xc_domaininfo_t *info;
	int domains, failed;
};

static void restore_domain(struct restoring *r, struct entitle *e, const xc_domaininfo_t *d)
{
	enum sched_kind kind;
	int err;

	if (entitle_young(e, d->domain, d->flags & XEN_DOMINF_paused))
		return;
	err = sched_of_pool(r->h->xc, d->cpupool, &kind);
	if (!err)
		err = actuate_see(r->h, kind, e, d->domain);
	if (!err)
		err = actuate_back(r->h, kind, e, r->why);
	if (!err || err == -EOPNOTSUPP || err == -ESRCH)
		return;
	log_error("domain %u: cannot be given back what it had: %s", (unsigned int)d->domain,
		  strerror(-err));
	r->failed++;
}

static void restore_vm(void *ctx, const struct entitle *kept)
{
	struct restoring *r = ctx;
	struct entitle *e;
	int i;

	/* two domains have one UUID while a VM migrates to this very host */
	for (i = 0; i < r->domains; i++) {
		if (r->info[i].flags & XEN_DOMINF_dying ||
		    !uuid_equal(r->info[i].handle, kept->uuid))
			continue;
		e = malloc(sizeof(*e));
		if (!e) {
			r->failed++;
			continue;
		}
		*e = *kept;
		restore_domain(r, e, &r->info[i]);
		free(e);
	}
}

/* All domains; their number, or -errno. */
static int all_domains(xc_interface *xc, xc_domaininfo_t **info)
{
	uint32_t first = 0;
	int n = 0, got;

	*info = NULL;
	do {
		xc_domaininfo_t *more = reallocarray(*info, (size_t)n + BATCH, sizeof(**info));

		if (!more)
			return -ENOMEM;
		*info = more;
		got = xc_domain_getinfolist(xc, first, BATCH, more + n);
		if (got < 0)
			return -errno;
		n += got;
		if (got)
			first = (*info)[n - 1].domain + 1u;
	} while (got == (int)BATCH);
	return n;
}

int actuate_restore(const struct hands *h, const char *why)
{
	struct restoring r = { .h = h, .why = why };
	xc_domaininfo_t *info;
	unsigned int bad = 0;
	int err = 0;

	r.domains = all_domains(h->xc, &info);
	r.info = info;
	if (r.domains < 0)
		err = r.domains;
	else
		err = keep_each(h->dir, restore_vm, &r, &bad);
	free(info);
	if (bad)
		log_error("%u files of entitlements cannot be read", bad);
	return err ? err : r.failed + (int)bad;
}

int actuate_restore_from(const char *entitlements, const char *why)
{
	struct hands h = { .dir = keep_open(entitlements, false) };
	int left;

	if (h.dir == -ENOENT)
		return 0;
	if (h.dir < 0) {
		log_error("%s: cannot use: %s, allowed: a directory of our own", entitlements,
			  strerror(-h.dir));
		return EXIT_ENV;
	}
	h.xc = xc_interface_open(NULL, NULL, 0);
	if (!h.xc) {
		log_error("libxenctrl: cannot open: %s, allowed: dom0 of a running Xen",
			  strerror(errno));
		close(h.dir);
		return EXIT_ENV;
	}
	left = actuate_restore(&h, why);
	xc_interface_close(h.xc);
	close(h.dir);
	return left ? EXIT_RUNTIME : 0;
}
