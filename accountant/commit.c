/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit.c - one transaction for all that changed; only after it are the
 * backends told (docs/protocol.md, 4.5).
 */
#include "accountant/bounds.h"
#include "accountant/charge.h"
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEASURE_MS 90u /* at most that often: a hypercall, at each commit */
#define TOLD_MS 200u /* and where dom0 tells: a request to xenstored */
#define PURGE_MS 60000u
#define FINISH_MS 50u

#define MEASURED "/local/domain/%u/acctring/backend/%u/measured"
#define MEASURED_WAIT_MS 5000u /* the collector names it first, then measures */

/* As dom0 tells it; up to a second old. */
static bool told_cpu(struct worker *w, struct domain *d, uint64_t *ns)
{
	char *line = xs_readf(w->xs, MEASURED, w->domid, d->domid);
	bool ok = line && kv_is_v1(line) && kv_u64(line, "cpu_ns", INT64_MAX, ns);

	if (line && !ok && !d->told_measured)
		log_warn(MEASURED ": not understood, ignored, allowed: v=1 t_ns=.. cpu_ns=..",
			 w->domid, d->domid);
	d->told_measured = line && !ok;
	free(line);
	return ok;
}

/*
 * Our own domain's.  Linux lets no program of a domU make hypercalls unless its
 * administrator says so.  One source for as long as we live: the two are not
 * read at the same moment, and a counter must not go back.
 */
static bool own_cpu(struct worker *w, struct domain *d, uint64_t *ns)
{
	enum own_cpu_from before = w->own_from;

	if (before != OWN_CPU_TOLD && w->measure && measure_domain(w->measure, ns))
		w->own_from = OWN_CPU_HYPERCALL;
	else if (before != OWN_CPU_HYPERCALL && told_cpu(w, d, ns))
		w->own_from = OWN_CPU_TOLD;
	else
		return false;
	if (w->own_from != before)
		log_info("this domain's CPU is measured by %s",
			 w->own_from == OWN_CPU_TOLD ? "dom0's acctring-collector" : "hypercall");
	return true;
}

/* Nothing can be charged then, which looks like a domain that does nothing. */
static void say_unmeasured(struct worker *w, struct domain *d)
{
	bool own = d->domid == w->domid;

	if (d->told_unmeasured || d->told_measured || now_ms() - d->named_ms < MEASURED_WAIT_MS)
		return;
	d->told_unmeasured = true;
	log_warn("domain %u: its CPU is not measured, so nothing is charged for it: %sdom0 writes "
		 "no " MEASURED ": start acctring-collector there%s",
		 d->domid, own ? "this domain may make no hypercalls, and " : "", w->domid,
		 d->domid, own ? ", or boot this domain with xen_privcmd.unrestricted=1" : "");
}

static bool raw_cpu(struct worker *w, struct domain *d, uint64_t *ns)
{
	bool ok = d->domid == w->domid ? own_cpu(w, d, ns) : told_cpu(w, d, ns);

	if (ok)
		d->told_unmeasured = false;
	else if (d->named)
		say_unmeasured(w, d);
	return ok;
}

/*
 * What a counter grew by.  A smaller one is a domain that began anew, or, by
 * little, another source that is behind: that one catches up.
 */
static uint64_t raw_grown(uint64_t before, uint64_t now)
{
	if (now >= before)
		return now - before;
	return now < before / 2 ? now : 0;
}

static bool told_all(const struct worker *w, const struct domain *d)
{
	for (const struct link *k = w->links; k; k = k->next)
		if (k->domain == d && k->reader && acctring_reader_tells_all(k->reader))
			return true;
	return false;
}

/* What we burned ourselves, and for how long the domain was busy; dom0's word is not of this moment. */
static void claim_own(struct worker *w, struct domain *d, uint64_t ran)
{
	uint64_t self = measure_self(), busy;
	bool known;

	if (self > w->own_seen) {
		charge_own(d, self - w->own_seen);
		w->own_seen = self;
	}
	known = busy_grown(&w->busy, w->proc, now_ns(), &busy);
	if (told_all(w, d))
		charge_not_busy(d);
	else if (known)
		charge_busy(d, w->busy.cpus, busy, w->own_from == OWN_CPU_HYPERCALL ? ran : busy);
}

static bool is_due(const struct worker *w, const struct domain *d)
{
	bool asks = d->domid == w->domid && w->own_from == OWN_CPU_HYPERCALL;

	return w->stopping || now_ms() - d->measured_ms >= (asks ? MEASURE_MS : TOLD_MS);
}

/*
 * The hypervisor's counters, and our own CPU where it is part of one.  Read
 * in this order: lanes' clocks (charge_link), our own, the hypervisor's, so that
 * each part is within the whole; what is not, because it is measured by
 * another clock or seldom, waits.
 */
static void measure(struct worker *w)
{
	uint64_t raw, grown;

	for (struct domain *d = w->domains; d; d = d->next) {
		if (!is_due(w, d))
			continue;
		d->measured_ms = now_ms();
		if ((!d->named && !d->draining) || !raw_cpu(w, d, &raw))
			continue;
		grown = raw_grown(d->s.raw_ns, raw);
		if (!grown)
			continue;
		charge_measured(d, grown, now_ms());
		d->s.raw_ns = raw;
		if (d->domid == w->domid)
			claim_own(w, d, grown);
	}
}

static void put_payers(struct worker *w, struct link *k)
{
	for (unsigned int i = 0; i < k->npayers && k->payer; i++) {
		const struct payer *p = &k->payer[i];
		struct payer_entry e = { .epoch = k->e.id.epoch,
					 .backend = k->e.id.domid,
					 .row = i,
					 .state = p->state,
					 .is = p->is,
					 .held = p->held };

		if (!p->dirty || i == ACCTRING_PAYER_OWN)
			continue;
		if (p->state == PAYER_RESOLVED && p->account)
			memcpy(e.uuid, p->account->key.uuid, sizeof(e.uuid));
		ledger_put_payer(w->ledger, &e);
	}
}

/* What lanes count, too: who resumes has to know what allowances are compared with. */
static void put_spent(struct worker *w, const struct link *k, unsigned int lane)
{
	const struct lane *l = &k->lane[lane];
	struct spent_row *row = calloc(l->nused + 1u, sizeof(*row));
	struct lane_spent s = { .pos = l->is.state.pos,
				.ack = l->is.state.ack,
				.known = row && lane_known(k, lane),
				.overflow_ns = l->overflow_ns,
				.row = row };

	for (; row && s.rows < l->nused; s.rows++)
		row[s.rows] = (struct spent_row){ l->used[s.rows], l->row[l->used[s.rows]].spent };
	ledger_put_spent(w->ledger, &k->e.id, lane, &s);
	free(row);
}

static void put_lane(struct worker *w, const struct link *k, unsigned int lane)
{
	ledger_put_lane(w->ledger, &k->e.id, lane, &k->lane[lane].is);
	put_spent(w, k, lane);
}

static void put_link(struct worker *w, struct link *k)
{
	ledger_put_epoch(w->ledger, &k->e);
	put_payers(w, k);
	for (unsigned int i = 0; i < k->e.lanes && k->lane; i++) {
		const struct lane *l = &k->lane[i];

		if (k->reader && (l->fresh || memcmp(&l->is, &l->stored, sizeof(l->is))))
			put_lane(w, k, i);
	}
	if (k->e.state != EPOCH_OPEN)
		ledger_drop_epoch(w->ledger, &k->e.id);
}

static int store(struct worker *w)
{
	bool purge = now_ms() - w->purged_ms > PURGE_MS;
	int err = ledger_begin(w->ledger);

	if (err)
		return err;
	for (struct account *x = w->accounts.dirty; x; x = x->later)
		ledger_put_account(w->ledger, x);
	for (struct domain *d = w->domains; d; d = d->next)
		if (d->dirty)
			ledger_put_domain(w->ledger, d);
	for (struct served *s = w->served.first; s; s = s->next)
		if (s->dirty)
			ledger_put_served(w->ledger, &s->is);
	for (struct link *k = w->links; k; k = k->next)
		if (k->dirty)
			put_link(w, k);
	for (unsigned int i = 0; i < w->quotas.n; i++)
		if (w->quotas.item[i].dirty)
			ledger_put_limit(w->ledger, w->quotas.item[i].vm, w->quotas.item[i].driver,
					 w->quotas.item[i].ppm);
	if (w->share_dirty)
		ledger_put_share(w->ledger, w->share_commanded);
	if (purge)
		ledger_purge(w->ledger);
	err = ledger_end(w->ledger);
	if (!err && purge)
		w->purged_ms = now_ms();
	return err;
}

static void clean_link(struct link *k)
{
	k->dirty = false;
	for (unsigned int i = 0; i < k->npayers && k->payer; i++)
		k->payer[i].dirty = false;
	for (unsigned int i = 0; i < k->e.lanes && k->lane; i++) {
		k->lane[i].stored = k->lane[i].is;
		k->lane[i].fresh = false;
	}
}

static void clean(struct worker *w)
{
	accounts_clean(&w->accounts);
	for (struct domain *d = w->domains; d; d = d->next)
		d->dirty = false;
	for (struct served *s = w->served.first; s; s = s->next)
		s->dirty = false;
	for (struct link *k = w->links; k; k = k->next)
		if (k->dirty)
			clean_link(k);
	quota_clean(&w->quotas);
	w->share_dirty = false;
	w->own_base = w->own_seen;
	/* what is only due is claimed again, if all is forgotten */
	for (const struct domain *d = w->domains; d; d = d->next)
		w->own_base -=
			d->carry.own_due_ns < w->own_base ? d->carry.own_due_ns : w->own_base;
}

/* The slot may be another process's by now; later links stand first. */
static void tell_closed(struct worker *w, struct link *k)
{
	for (const struct link *x = w->links; x != k; x = x->next)
		if (x->told && x->e.id.domid == k->e.id.domid && x->e.id.slot == k->e.id.slot)
			return;
	link_tell(w, k, "closed");
}

/*
 * Links whose end is now durable, and what is to be said of them.  When hundreds
 * end at once the rest comes after the next commit, for which others wait.
 */
static void finish(struct worker *w)
{
	uint64_t until = now_ms() + FINISH_MS;
	struct link *k, *next;

	for (k = w->links; k; k = next) {
		next = k->next;
		if (!w->stopping && now_ms() >= until)
			break;
		link_say(w, k);
		if (k->state == LINK_CLOSING) {
			link_detach(w, k);
			tell_closed(w, k);
			k->state = LINK_CLOSED;
		} else if (k->state == LINK_REFUSED) {
			link_detach(w, k);
		} else if (k->state == LINK_LEAVING) {
			link_detach(w, k);
			tell_closed(w, k);
			if (k->e.state == EPOCH_OPEN)
				scan_left(w, &k->e);
			link_free(w, k);
			continue;
		}
		if (k->state == LINK_CLOSED && !k->unresolved)
			link_free(w, k);
	}
}

/* C0 .. C3 */
int worker_commit(struct worker *w)
{
	int err;

	for (struct link *k = w->links; k; k = k->next)
		charge_link(w, k);
	measure(w);
	for (struct domain *d = w->domains; d; d = d->next) {
		charge_settle(w, d);
		bounds_look(w, d);
	}
	for (struct link *k = w->links; k; k = k->next)
		if (k->dirty && k->reader)
			acctring_prepare(k->reader);
	err = store(w);
	if (err)
		return err;
	for (struct link *k = w->links; k; k = k->next)
		if (k->dirty && k->reader)
			acctring_commit(k->reader);
	clean(w);
	w->committed_ms = now_ms();
	w->unpublished = true;
	finish(w);
	return 0;
}

bool worker_commit_wanted(const struct worker *w)
{
	uint64_t age = now_ms() - w->committed_ms;
	bool dirty = w->accounts.dirty != NULL, hurry = false;

	for (const struct link *k = w->links; k; k = k->next) {
		dirty |= k->dirty || k->tell || k->state == LINK_CLOSING;
		hurry |= link_hurry(k);
	}
	for (const struct domain *d = w->domains; d; d = d->next)
		dirty |= d->dirty || (d->owing && is_due(w, d));
	if (hurry)
		return age >= 10;
	return age >= (dirty ? (uint64_t)w->conf.commit_ms : 1000);
}
