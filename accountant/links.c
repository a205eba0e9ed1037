/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * links.c - the life of a link: mapped, held, attached, detached.
 */
#include "accountant/links.h"

#include "accountant/allow.h"
#include "accountant/charge.h"
#include "accountant/limits.h"
#include "accountant/loopback.h"
#include "accountant/pays.h"
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PEER PEERS "/%u"

struct link *link_find(struct worker *w, unsigned int domid, uint64_t epoch)
{
	struct link *k;

	for (k = w->links; k && (k->e.id.epoch != epoch || k->e.id.domid != domid); k = k->next)
		;
	return k;
}

/*
 * Made once for a domain that was named: what is made in it inherits from it.
 * What stands there already may be of an earlier domain of that number.
 */
static void make_peer_dir(struct worker *w, struct domain *d)
{
	char path[96], **names;
	unsigned int n;

	if (d->peer_dir)
		return;
	snprintf(path, sizeof(path), PEER, w->domid, d->domid);
	d->peer_dir = xs_mkdir(w->xs, XBT_NULL, path) && xs_share(w->xs, path, w->domid, d->domid);
	names = xs_listf(w->xs, &n, PEER, w->domid, d->domid);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), PEER "/%.8s", w->domid, d->domid, names[i]);
		d->peer_dir &= xs_share(w->xs, path, w->domid, d->domid);
	}
	free(names);
}

/* One line in the peer's notice board; at attach, refusal and detach only. */
void link_tell(struct worker *w, struct link *k, const char *state)
{
	const struct acctring_link_id *id = &k->e.id;
	char path[96];

	k->told = true;
	if (k->domain->gone)
		return; /* nobody to tell */
	make_peer_dir(w, k->domain);
	snprintf(path, sizeof(path), PEER "/%u", w->domid, id->domid, id->slot);
	if (!xs_writef(w->xs, path, "%s %016" PRIx64 "%s%s", state, id->epoch,
		       k->e.reason[0] ? " " : "", k->e.reason))
		log_warn("cannot write %s: %s", path, strerror(errno));
}

static void send_holder(struct worker *w, const struct hold_msg *m)
{
	if (!outbox_send(&w->to_holder, w->holder, m, hold_size(m)))
		log_warn("cannot write to the holder: %s", strerror(errno));
}

static void ask_hold(struct worker *w, const struct link *k)
{
	struct hold_msg m = { .type = HOLD, .id = k->e.id };
	const uint32_t *refs;

	m.refs = acctring_reader_refs(k->reader, &refs);
	if (m.refs > ACCTRING_MAX_REFS + 1)
		return;
	memcpy(m.ref, refs, m.refs * sizeof(*refs));
	send_holder(w, &m);
}

void link_release(struct worker *w, const struct acctring_link_id *id)
{
	struct hold_msg m = { .type = RELEASE, .id = *id };

	for (struct hold **p = &w->holds; *p; p = &(*p)->next) {
		struct hold *x = *p;

		if (!hold_is(x, id))
			continue;
		*p = x->next;
		free(x);
		break;
	}
	send_holder(w, &m);
}

void link_held(struct worker *w, const struct acctring_link_id *id, int error)
{
	struct link *k = link_find(w, id->domid, id->epoch);
	struct hold *x;

	if (!error && (x = calloc(1, sizeof(*x)))) {
		x->id = *id;
		x->next = w->holds;
		w->holds = x;
	}
	if (error && k)
		domain_warn(k->domain, "domain %u, slot %u: the holder cannot map the pages: %s",
			    id->domid, id->slot, strerror(-error));
	if (k && k->reader && k->e.id.ref == id->ref) {
		k->held = !error;
		if (k->state != LINK_HOLDING)
			return;
		k->state = LINK_ATTACHED;
		k->tell = "attached";
		if (!k->dirty)
			link_say(w, k);
	} else if (!error) {
		link_release(w, id); /* it ended before the answer came */
	}
}

static bool make_tables(struct link *k)
{
	k->payer = calloc(k->npayers, sizeof(*k->payer));
	k->lane = calloc(k->e.lanes ? k->e.lanes : 1, sizeof(*k->lane));
	if (!k->payer || !k->lane)
		return false;
	for (unsigned int i = 0; i < k->e.lanes; i++)
		k->lane[i].fresh = true;
	return true;
}

struct restore {
	struct worker *w;
	struct link *k;
};

static void restore_payer(void *ctx, const struct payer_entry *e)
{
	struct restore *r = ctx;
	struct link *k = r->k;
	struct account_key key = { .backend = k->domain->domid,
				   .kind = e->is.kind,
				   .device = e->is.device };
	struct payer *p;

	if (e->row >= k->npayers)
		return;
	p = &k->payer[e->row];
	p->state = e->state;
	p->is = e->is;
	p->since_ms = now_ms();
	if (e->state == PAYER_RESOLVED) {
		memcpy(key.uuid, e->uuid, sizeof(key.uuid));
		p->account = accounts_get_vm(&r->w->accounts, &key);
		pays_find(r->w, k, p);
	} else if (e->state == PAYER_REFUSED) {
		p->account = k->domain->refused;
	} else {
		p->held = malloc(sizeof(*p->held));
		if (!p->held)
			die(EXIT_RUNTIME, "out of memory");
		*p->held = *e->held;
		if (!resolve_later(k, e->row))
			die(EXIT_RUNTIME, "out of memory");
	}
}

static int load_payers(struct worker *w, struct link *k)
{
	struct restore r = { w, k };

	return ledger_load_payers(w->ledger, &k->e.id, restore_payer, &r);
}

/*
 * For ever where it broke the protocol.  One of another version it did not
 * break: an accountant that knows it may go on where we or others stopped.
 */
static int refuse(struct link *k, int err, const char *reason)
{
	k->state = LINK_REFUSED;
	if (err == -EPROTO) {
		k->e.state = EPOCH_REFUSED;
		k->dirty = true;
	}
	snprintf(k->e.reason, sizeof(k->e.reason), "%s", reason ? reason : "broken");
	domain_warn(k->domain, "domain %u, slot %u, epoch %016" PRIx64 ": refused: %s",
		    k->e.id.domid, k->e.id.slot, k->e.id.epoch, k->e.reason);
	k->tell = "refused";
	return -EPROTO;
}

static int try_attach(struct worker *w, struct link *k, const struct lane_entry *lane, bool known,
		      unsigned int room, const char **reason)
{
	struct acctring_attach how = { .gnttab = w->gnttab,
				       .evtchn = w->evtchn,
				       .id = k->e.id,
				       .incarnation = w->incarnation,
				       .pages_max = room };
	struct acctring_lane_state *state = NULL;
	struct acctring_resume resume = { .lanes = k->e.lanes };
	int err;

	if (known) {
		state = calloc(k->e.lanes ? k->e.lanes : 1, sizeof(*state));
		if (!state)
			return -ENOMEM;
		for (unsigned int i = 0; i < k->e.lanes; i++) {
			state[i] = lane[i].state;
			if (state[i].cpu_ns == CPU_UNKNOWN)
				state[i].cpu_ns = 0;
		}
		resume.lane = state;
		how.resume = &resume;
	}
	err = acctring_attach(&k->reader, &how, reason);
	/* the port of a dead backend cannot be bound; its pages we have */
	if (err && err != -ESTALE && err != -EPROTO && err != -EPROTONOSUPPORT && k->held) {
		how.evtchn = NULL;
		err = acctring_attach(&k->reader, &how, reason);
	}
	free(state);
	return err;
}

/*
 * How long ago somebody last looked at the lanes' clocks.  CLOCK_MONOTONIC
 * does not outlive us, so wall time, and more rather than less of it: that of
 * a commit and of what the ledger's seconds cut off.
 */
static uint64_t last_look_ns(const struct worker *w, const struct link *k)
{
	uint64_t now = (uint64_t)time(NULL), age = now > k->e.changed_s ? now - k->e.changed_s : 0;

	return (age + 2) * 1000000000u + (uint64_t)w->conf.commit_ms * 1000000u;
}

/*
 * Where a lane's clock stands.  What another ledger saw of it is in that one's
 * bills; a lane that comes to our pages later says so then.
 */
static uint64_t cpu_from(struct link *k, unsigned int lane, const struct lane_entry *old,
			 bool known)
{
	const struct acctring_lane_state *s = &k->lane[lane].is.state;
	uint64_t cpu;

	if (acctring_reader_foreign(k->reader) || (!known && (s->pos || s->ack))) {
		cpu = acctring_reader_cpu(k->reader, lane);
		return cpu ? cpu : CPU_UNKNOWN;
	}
	return known ? old->state.cpu_ns : 0;
}

/* Where each lane stands, as we took it over. */
static void take_over(const struct worker *w, struct link *k, const struct lane_entry *old,
		      bool known)
{
	uint64_t gap = acctring_reader_rolled_back(k->reader);
	uint64_t age = known ? last_look_ns(w, k) : 0;

	for (unsigned int i = 0; i < k->e.lanes; i++) {
		struct lane *l = &k->lane[i];

		charge_begin(l, age);
		acctring_reader_lane(k->reader, i, &l->is.state);
		l->is.state.cpu_ns = cpu_from(k, i, &old[i], known);
		if (known)
			l->is.carried_ns = old[i].carried_ns;
	}
	if (gap) {
		k->domain->s.rolled_back += gap;
		k->domain->dirty = true;
		domain_warn(k->domain,
			    "domain %u, slot %u: the database is older than what was committed:"
			    " %" PRIu64 " posts are in no account",
			    k->e.id.domid, k->e.id.slot, gap);
	}
	snprintf(k->e.program, sizeof(k->e.program), "%s", acctring_reader_program(k->reader));
	k->never_asks = acctring_reader_never_asks(k->reader);
}

/* limits.h: pages that one more link of the domain may have; 0: it must wait. */
static unsigned int room_for(const struct worker *w, const struct domain *d)
{
	unsigned int links = 0, pages = 0;
	const uint32_t *refs;

	for (const struct link *x = w->links; x; x = x->next) {
		if (x->domain != d)
			continue;
		links++;
		if (x->reader)
			pages += acctring_reader_refs(x->reader, &refs);
	}
	return links < LINKS_MAX && pages < PAGES_MAX ? PAGES_MAX - pages : 0;
}

static int attach(struct worker *w, struct link *k, bool known, unsigned int room)
{
	struct lane_entry *lane = calloc(ACCTRING_MAX_LANES, sizeof(*lane));
	const char *reason = NULL;
	int err;

	if (!lane)
		return -ENOMEM;
	if (k->e.lanes > ACCTRING_MAX_LANES)
		k->e.lanes = ACCTRING_MAX_LANES;
	err = ledger_load_lanes(w->ledger, &k->e.id, lane, k->e.lanes);
	if (!err && k->e.id.domid == w->domid && own_grants_vanish(GUEST_TYPE)) {
		reason = "a PVH or HVM domain cannot be its own accountant, name one elsewhere";
		err = -EPROTONOSUPPORT;
	} else if (!err) {
		err = try_attach(w, k, lane, known, room, &reason);
	}
	if (err == -EPROTO || err == -EPROTONOSUPPORT) {
		err = refuse(k, err, reason);
	} else if (!err) {
		k->npayers = acctring_reader_payers(k->reader);
		k->e.lanes = acctring_reader_lanes(k->reader);
	}
	if (!err) {
		k->e.state = EPOCH_OPEN;
		k->dirty = true;
		err = make_tables(k) ? load_payers(w, k) : -ENOMEM;
		if (!err) {
			take_over(w, k, lane, known);
			err = lanes_load(w, k, lane, known);
		}
	}
	free(lane);
	return err;
}

/* A refused link is shown until its slot is used again. */
static void drop_refused(struct worker *w, const struct acctring_link_id *id)
{
	struct link *k, *next;

	for (k = w->links; k; k = next) {
		next = k->next;
		if (k->state == LINK_REFUSED && k->e.id.domid == id->domid &&
		    k->e.id.slot == id->slot && !k->dirty && !k->unresolved)
			link_free(w, k);
	}
}

int link_attach(struct worker *w, struct domain *d, const struct acctring_link_id *id, bool held)
{
	struct link *k = calloc(1, sizeof(*k));
	unsigned int room;
	int known, err;

	if (!k)
		return -ENOMEM;
	k->domain = d;
	k->serial = ++w->serial;
	k->held = held;
	known = ledger_find_epoch(w->ledger, id->domid, id->epoch, &k->e);
	k->e.id = *id;
	drop_refused(w, id);
	room = room_for(w, d);
	err = known == -ENOENT ? 0 : known;
	if (!err && !room)
		err = -ENOSPC;
	if (err) {
		free(k);
		return err;
	}
	k->next = w->links;
	w->links = k;
	err = attach(w, k, !known, room);
	if (err == -EPROTO)
		return err;
	if (err) {
		link_free(w, k);
		return err;
	}
	allow_again(w);
	log_debug("domain %u, slot %u, epoch %016" PRIx64 ": attached to \"%s\"", id->domid,
		  id->slot, id->epoch, k->e.program);
	if (held) {
		k->state = LINK_ATTACHED;
		if (acctring_reader_alive(k->reader))
			k->tell = "attached";
	} else {
		k->state = LINK_HOLDING;
		ask_hold(w, k);
	}
	return 0;
}

/* By a later link, which the notice board now is about. */
static bool slot_taken(const struct worker *w, const struct link *k)
{
	for (const struct link *x = w->links; x; x = x->next)
		if (x != k && x->told && x->reader && x->e.id.domid == k->e.id.domid &&
		    x->e.id.slot == k->e.id.slot)
			return true;
	return false;
}

/*
 * Only now: a slot whose epoch we spoke of is taken again, and what stood there
 * is gone.  Should we be killed, nobody else knows of it.
 */
void link_say(struct worker *w, struct link *k)
{
	if (k->tell && (k->e.state != EPOCH_LOST || !slot_taken(w, k)))
		link_tell(w, k, k->tell);
	k->tell = NULL;
}

void link_lost(struct worker *w, struct domain *d, const struct epoch *e)
{
	struct link *k = calloc(1, sizeof(*k));

	if (!k)
		return;
	k->domain = d;
	k->e = *e;
	k->e.state = EPOCH_LOST;
	k->npayers = ACCTRING_PAYER_LIMIT;
	k->state = LINK_CLOSED;
	k->dirty = true;
	k->next = w->links;
	w->links = k;
	d->s.epochs_lost++;
	d->dirty = true;
	if (make_tables(k))
		load_payers(w, k);
	/* should it live after all: it knows, and takes a new epoch */
	snprintf(k->e.reason, sizeof(k->e.reason), "lost");
	k->tell = d->unnamed_ms ? NULL : "refused";
	domain_warn(d,
		    "domain %u, slot %u, epoch %016" PRIx64 ": its pages are gone, what was posted"
		    " since the last commit is lost",
		    e->id.domid, e->id.slot, e->id.epoch);
}

void link_restore(struct worker *w, struct domain *d, const struct epoch *e)
{
	struct link *k = calloc(1, sizeof(*k));

	if (!k)
		return;
	k->domain = d;
	k->e = *e;
	k->state = LINK_CLOSED;
	k->npayers = ACCTRING_PAYER_LIMIT;
	k->next = w->links;
	w->links = k;
	if (make_tables(k))
		load_payers(w, k);
}

static void free_rows(struct link *k)
{
	for (unsigned int i = 0; k->lane && i < k->e.lanes; i++)
		lane_free(&k->lane[i]);
}

/* Unmaps, and lets the holder unmap: what was in the pages is durable. */
void link_detach(struct worker *w, struct link *k)
{
	allow_again(w);
	if (k->reader)
		acctring_detach(k->reader);
	k->reader = NULL;
	if (k->held)
		link_release(w, &k->e.id);
	k->held = false;
	free_rows(k);
}

void link_free(struct worker *w, struct link *k)
{
	struct link **p;

	allow_again(w);
	resolve_never(k);
	for (p = &w->links; *p && *p != k; p = &(*p)->next)
		;
	if (*p)
		*p = k->next;
	if (k->reader)
		acctring_detach(k->reader);
	free_rows(k);
	for (unsigned int i = 0; k->payer && i < k->npayers; i++)
		free(k->payer[i].held);
	free(k->lane);
	free(k->payer);
	free(k);
}
