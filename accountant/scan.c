/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scan.c - what stands in xenstore: the driver domains that dom0 named, the
 * VMs that they serve, and their links.  Watch events only set bits; the
 * tick looks at what they name, a few directories at a time, so a domain
 * that writes without end costs a bounded share of a tick.
 */
#include "accountant/limits.h"
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 100u /* first wait after an attach failed, doubling */
#define RETRY_MAX_MS 5000u
#define GONE_TRIES 4u /* in vain so often: no such grant any more */
#define SETTLE_MS 5000u /* a link may be between two states when we start */
#define UNNAMED_MS 5000u /* so long a backend takes to go to another accountant */

struct domain *scan_domain(struct worker *w, unsigned int domid)
{
	struct account_key key = { .backend = (uint16_t)domid, .kind = ACCTRING_KIND_OWN };
	struct domain *d;

	for (d = w->domains; d && d->domid != domid; d = d->next)
		;
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		die(EXIT_RUNTIME, "out of memory");
	d->domid = (uint16_t)domid;
	d->own = accounts_get(&w->accounts, &key);
	memcpy(key.uuid, uuid_refused, sizeof(key.uuid));
	d->refused = accounts_get(&w->accounts, &key);
	if (!d->own || !d->refused)
		die(EXIT_RUNTIME, "out of memory");
	d->next = w->domains;
	w->domains = d;
	return d;
}

#define LIMIT_MAX 1000000000000ull /* as acctctl limit: 100000 % */

/* A VM in debt that no cap repays: what we may burn for it. */
static void read_limit(struct worker *w, struct served *s, const char *line)
{
	uint64_t ns = 0, at = 0, was = s->limit;

	if (strstr(line, " limit=") &&
	    (!kv_u64(line, "limit", LIMIT_MAX, &ns) || !kv_u64(line, "limit_at", INT64_MAX, &at)))
		ns = 0;
	if (!served_limit(s, ns, at, now_ms()))
		return;
	if (ns)
		w->owed_until_ms = now_ms() + SERVED_LIMIT_MS;
	allow_again(w);
	if (!ns != !was)
		log_info("domain %u at %u: %s", s->is.domid, s->is.backend,
			 ns ? "in debt that no cap repays, dom0 says: limited"
			    : "not limited for debt any more");
}

/* Asks dom0's node; NULL: never heard of the pair. */
struct served *scan_served(struct worker *w, unsigned int backend, unsigned int domid)
{
	struct served_entry e = { .backend = (uint16_t)backend, .domid = (uint16_t)domid };
	char text[UUID_TEXT], state[8];
	struct served *s;
	char *line = xs_readf(w->xs, BACKEND "/%u/%u", w->domid, backend, domid);

	if (line && kv_is_v1(line) && kv_get(line, "uuid", text, sizeof(text)) &&
	    uuid_parse(text, e.uuid) && kv_u64(line, "serial", INT64_MAX, &e.serial) &&
	    kv_get(line, "state", state, sizeof(state))) {
		kv_get(line, "name", e.name, sizeof(e.name));
		s = served_set(&w->served, &e, !strcmp(state, "gone"), now_ms());
		w->renamed |= s && s->dirty;
		if (s)
			read_limit(w, s, line);
		free(line);
		return s;
	}
	if (line)
		log_warn(BACKEND "/%u/%u: not understood, ignored, "
				 "allowed: v=1 uuid=.. serial=.. state=on|gone",
			 w->domid, backend, domid);
	else if (errno == ENOENT)
		served_unset(&w->served, backend, domid);
	free(line);
	urcu_memb_read_lock();
	s = served_find(&w->served, backend, domid);
	urcu_memb_read_unlock();
	return s;
}

/* ------------------------------------------------------------------ */
/* Driver domains                                                      */

/* A dom0 that is older says nothing, one that is newer perhaps what we do not know. */
static void read_mode(struct worker *w, struct domain *d, const char *line)
{
	bool said = strstr(line, " mode=") != NULL, acted = allow_acts(w, d);
	enum mode mode = MODE_OBSERVE;
	char word[16] = "too long";
	bool ok = !said || (kv_get(line, "mode", word, sizeof(word)) && mode_parse(word, &mode));

	if (!ok && !d->told_mode)
		log_error(BACKEND "/%u: mode \"%s\" is not known here, taken as observe, "
				  "allowed: " MODE_ALLOWED,
			  w->domid, d->domid, word);
	d->told_mode = !ok;
	d->mode = mode;
	if (allow_acts(w, d) == acted)
		return;
	log_info("domain %u: dom0 says %s: limits %s", d->domid, mode_name(mode),
		 acted ? "do not act any more" : "act");
	allow_again(w);
}

static bool read_named(struct worker *w, unsigned int domid)
{
	char *line = xs_readf(w->xs, BACKEND "/%u", w->domid, domid);
	static const uint8_t none[16];
	char text[UUID_TEXT], state[8];
	uint8_t uuid[16];
	struct domain *d;

	if (!line || !kv_is_v1(line) || !kv_get(line, "uuid", text, sizeof(text)) ||
	    !uuid_parse(text, uuid)) {
		if (line && *line)
			log_warn(BACKEND
				 "/%u: not understood, ignored, allowed: v=1 uuid=.. name=..",
				 w->domid, domid);
		free(line);
		return false;
	}
	d = scan_domain(w, domid);
	d->gone = kv_get(line, "state", state, sizeof(state)) && !strcmp(state, "gone");
	if (memcmp(d->uuid, uuid, sizeof(uuid))) {
		/* another domain: its counter began anew */
		if (memcmp(d->uuid, none, sizeof(none)))
			end_links(w, d);
		memcpy(d->uuid, uuid, sizeof(uuid));
		d->s.raw_ns = 0;
		d->dirty = true;
		d->peer_dir = false;
	}
	if (!kv_get(line, "name", d->name, sizeof(d->name)))
		d->name[0] = 0;
	read_mode(w, d, line);
	free(line);
	if (d->gone)
		return false;
	d->swept = false;
	d->named = true;
	watch_links(w, d, true);
	return true;
}

static void close_ended(struct worker *w, struct domain *d, unsigned int slot);

static void leave(struct worker *w, struct domain *d)
{
	for (struct link *k = w->links; k; k = k->next)
		if (k->domain == d && k->reader && k->state <= LINK_ATTACHED) {
			link_drain(w, k);
			if (k->state <= LINK_ATTACHED)
				k->state = LINK_LEAVING;
		}
}

/* Who is forgotten in the configuration has nothing to do, and looks well. */
static void say_idle(struct worker *w, bool named)
{
	if (named || !w->idle_ms)
		w->idle_ms = now_ms();
	if (named)
		w->told_idle = false;
	if (w->told_idle || now_ms() - w->idle_ms < UNNAMED_MS)
		return;
	w->told_idle = true;
	log_warn("dom0 names no driver domain for this accountant, domain %u, allowed: drivers in "
		 "/etc/acctring/collector.conf there, and acctring-collector",
		 w->domid);
}

/*
 * Domains that dom0 names no more.  Their backends go over to another
 * accountant; what they posted before that is ours, and when they give the old
 * pages back (`alive` is 0) the link has ended.  Nobody else may read the
 * rest, so we stay for it, but not for ever.
 */
static void scan_unnamed(struct worker *w)
{
	uint64_t now = now_ms();
	bool any = false;

	for (struct domain *d = w->domains; d; d = d->next) {
		if (d->named) {
			any = true;
			d->unnamed_ms = 0;
			if (!d->named_ms)
				d->named_ms = now;
			continue;
		}
		d->named_ms = 0;
		if (!d->unnamed_ms)
			d->unnamed_ms = now;
		d->draining = now - d->unnamed_ms <= UNNAMED_MS;
		if (d->gone) {
			end_domain(w, d);
			continue;
		}
		for (const struct link *k = w->links; k; k = k->next)
			if (k->domain == d && now >= d->retry_ms[k->e.id.slot])
				close_ended(w, d, k->e.id.slot);
		if (!d->draining)
			leave(w, d);
	}
	say_idle(w, any);
}

/*
 * This domain was saved and resumed: what dom0 says to us stands elsewhere now,
 * and what we map or have bound is gone, which is no reason to think that
 * nobody is named.  Linux cannot close such ports (docs/protocol.md, 6).
 */
static bool resumed(struct worker *w)
{
	int domid = xs_own_domid(w->xs);

	if (domid < 0 || domid == w->domid)
		return false;
	log_error("this domain is %d now and was %u: saved and resumed; start acctringd again",
		  domid, w->domid);
	return true;
}

static void scan_named(struct worker *w)
{
	unsigned int n;
	uint64_t domid;
	char **dir;

	if (resumed(w)) {
		w->named = false; /* said with each event, of which there are few */
		return;
	}
	errno = 0;
	dir = xs_listf(w->xs, &n, BACKEND, w->domid);
	if (!dir && errno != ENOENT && errno != 0) {
		log_warn(BACKEND ": %s", w->domid, strerror(errno));
		return; /* not "nobody": asked again with the next tick */
	}
	w->named = false;
	for (struct domain *d = w->domains; d; d = d->next)
		d->named = false;
	for (unsigned int i = 0; dir && i < n; i++)
		if (parse_u64(dir[i], DOMID_LAST, &domid))
			read_named(w, (unsigned int)domid);
	free(dir);
	for (struct domain *d = w->domains; d; d = d->next) {
		if (!d->named && d->watched)
			watch_links(w, d, false);
		if (d->named && !d->served_listed)
			watch_served(w, d);
		d->served_listed = d->named;
	}
}

/* ------------------------------------------------------------------ */
/* Links                                                               */

/* Told once for each, until all is right there. */
static unsigned int bad_node(struct domain *d, unsigned int slot)
{
	if (!slots_has(&d->told, slot))
		domain_warn(d,
			    LINKS "/%u: not understood, ignored, allowed: v=1 epoch=<16 lower-case "
				  "hex digits, not 0> ref=<grant reference> port=<port> "
				  "state=<xenbus state, 1..6>",
			    d->domid, slot);
	slots_set(&d->told, slot, true);
	return 0;
}

/* Its state; 0: nothing there that could be a link. */
static unsigned int read_link(struct worker *w, struct domain *d, unsigned int slot,
			      struct acctring_link_id *id)
{
	char *line = xs_readf(w->xs, LINKS "/%u", d->domid, slot), epoch[17];
	uint64_t state = 0, ref = 0, port = 0;
	bool ok;

	*id = (struct acctring_link_id){ .slot = slot, .domid = d->domid };
	if (!line && errno != EINVAL)
		return 0;
	ok = line && kv_is_v1(line) && kv_get(line, "epoch", epoch, sizeof(epoch)) &&
	     parse_hex64(epoch, &id->epoch) && id->epoch && kv_u64(line, "ref", UINT32_MAX, &ref) &&
	     kv_u64(line, "port", UINT32_MAX, &port) && kv_u64(line, "state", 6, &state) && state;
	free(line);
	if (!ok)
		return bad_node(d, slot);
	slots_set(&d->told, slot, false);
	id->ref = (uint32_t)ref;
	id->port = (uint32_t)port;
	return (unsigned int)state;
}

/* The epoch on these pages. */
static uint64_t mark(const struct acctring_link_id *id)
{
	return id->epoch ^ ((uint64_t)id->ref << 32 | id->port);
}

static void try_later(struct domain *d, const struct acctring_link_id *id)
{
	unsigned int slot = id->slot;
	uint64_t wait = RETRY_MS;

	if (d->tried[slot] != mark(id))
		d->tries[slot] = 0;
	d->tried[slot] = mark(id);
	for (unsigned int i = 0; i < d->tries[slot] && wait < RETRY_MAX_MS; i++)
		wait *= 2;
	d->tries[slot]++;
	d->retry_ms[slot] = now_ms() + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
	slots_set(&d->look, slot, true);
}

/* Its domain has tried too often of late: the attempt itself waits. */
static void not_yet(struct domain *d, unsigned int slot)
{
	d->retry_ms[slot] = now_ms() + ATTEMPT_EVERY_MS;
	slots_set(&d->look, slot, true);
}

static const char *why(int err)
{
	return err == -ENOSPC ? "the domain's links have all the pages that one domain may have"
			      : strerror(-err);
}

static bool same(const struct acctring_link_id *a, const struct acctring_link_id *b)
{
	return a->epoch == b->epoch && a->domid == b->domid;
}

void scan_drop_pending(struct worker *w, const struct acctring_link_id *id)
{
	for (struct pending **p = &w->pending; *p; p = &(*p)->next) {
		struct pending *x = *p;

		if (!same(&x->e.id, id))
			continue;
		*p = x->next;
		free(x);
		return;
	}
}

bool scan_is_held(const struct worker *w, const struct acctring_link_id *id)
{
	for (const struct hold *h = w->holds; h; h = h->next)
		if (same(&h->id, id))
			return true;
	return false;
}

/*
 * After some tries.  -ESTALE: the page was read, it is another's.  -EINVAL
 * comes from the grant device for whatever failed, and may pass: only with the
 * port gone as well is the process that offered both.  Who is given up wrongly
 * is told so and takes a new epoch, but what it had posted is lost.
 */
static bool is_gone(struct worker *w, const struct acctring_link_id *id, int err)
{
	xenevtchn_port_or_error_t port;

	if (err != -EINVAL)
		return err == -ESTALE;
	port = xenevtchn_bind_interdomain(w->evtchn, id->domid, id->port);
	if (port >= 0)
		xenevtchn_unbind(w->evtchn, (evtchn_port_t)port);
	return port < 0 && (errno == EINVAL || errno == ESRCH);
}

static void try_link(struct worker *w, struct domain *d, const struct acctring_link_id *id)
{
	struct epoch e;
	int err;

	if (scan_is_held(w, id)) /* attached from there, or lost */
		return try_later(d, id);
	err = ledger_find_epoch(w->ledger, d->domid, id->epoch, &e);
	if (!err && e.state != EPOCH_OPEN)
		return; /* over, or refused: never touched again */
	if (err == -ENOENT)
		e = (struct epoch){ .id = *id };
	else if (err)
		return try_later(d, id);
	if (!budget_attempt(&d->budget, now_ms()))
		return not_yet(d, id->slot);
	log_debug("domain %u, slot %u, epoch %016" PRIx64 ": attaching", d->domid, id->slot,
		  id->epoch);
	err = link_attach(w, d, id, false);
	if (!err || err == -EPROTO) {
		scan_drop_pending(w, id);
	} else if (d->tried[id->slot] == mark(id) && d->tries[id->slot] >= GONE_TRIES &&
		   is_gone(w, id, err)) {
		scan_drop_pending(w, id);
		link_lost(w, d, &e);
	} else {
		if (d->tried[id->slot] != mark(id)) /* once, not for each try */
			domain_warn(d,
				    "domain %u, slot %u, epoch %016" PRIx64 ": cannot attach: %s",
				    d->domid, id->slot, id->epoch, why(err));
		try_later(d, id);
	}
}

/* Of a domain that ended its nodes go first. */
static bool has_ended(struct worker *w, const struct domain *d, unsigned int slot)
{
	char *line = xs_readf(w->xs, LINKS "/%u", d->domid, slot);
	bool there = line != NULL;

	free(line);
	return !there && domain_ended(w, d);
}

static void close_ended(struct worker *w, struct domain *d, unsigned int slot)
{
	for (struct link *k = w->links; k; k = k->next) {
		if (k->domain != d || k->e.id.slot != slot || !k->reader ||
		    k->state > LINK_ATTACHED)
			continue;
		if (has_ended(w, d, slot)) {
			end_domain(w, d);
			return;
		}
		try_later(d, &k->e.id);
	}
}

static void look(struct worker *w, struct domain *d, unsigned int slot)
{
	struct acctring_link_id id;
	unsigned int state = read_link(w, d, slot, &id);
	struct link *k;

	if (!state)
		close_ended(w, d, slot);
	if (state < 4)
		return; /* a watch fires when it changes */
	k = link_find(w, d->domid, id.epoch);
	if (state == 6 || (state == 5 && k)) { /* 5 and not ours: it waits for us */
		if (k && k->reader)
			link_close(w, k);
		return;
	}
	if (d->tried[slot] == mark(&id) && now_ms() < d->retry_ms[slot]) {
		slots_set(&d->look, slot, true); /* written anew, but no other link */
		return;
	}
	if (!k)
		return try_link(w, d, &id);
	if (k->reader && k->state == LINK_ATTACHED &&
	    (k->e.id.ref != id.ref || k->e.id.port != id.port)) {
		/* the same epoch on new pages: it moved */
		link_drain(w, k);
		if (k->state == LINK_ATTACHED)
			k->state = LINK_LEAVING;
		try_later(d, &id);
	} else if (k->state == LINK_LEAVING) {
		try_later(d, &id);
	}
}

static void list_links(struct worker *w, struct domain *d)
{
	unsigned int n;
	uint64_t slot;
	char **dir;

	errno = 0; /* an empty directory is no error */
	dir = xs_listf(w->xs, &n, LINKS, d->domid);
	d->listed = dir || !errno || errno == ENOENT || errno == EACCES;
	if (!dir && errno == EACCES)
		slots_fill(&d->look, true); /* they may be readable all the same */
	for (unsigned int i = 0; dir && i < n; i++)
		if (parse_u64(dir[i], LINK_SLOTS - 1, &slot))
			slots_set(&d->look, (unsigned int)slot, true);
	for (const struct link *k = w->links; k; k = k->next)
		if (k->domain == d && k->reader && k->state <= LINK_ATTACHED)
			slots_set(&d->look, k->e.id.slot, true); /* is it still there? */
	free(dir);
}

static void scan_links(struct worker *w, struct domain *d)
{
	unsigned int budget = ASKS_A_TICK;
	uint64_t now = now_ms();

	if (!d->listed)
		list_links(w, d);
	for (unsigned int i = 0; i < LINK_SLOTS && budget; i++) {
		if (!slots_has(&d->look, i) || (now < d->retry_ms[i] && !slots_has(&d->news, i)))
			continue;
		slots_set(&d->look, i, false);
		slots_set(&d->news, i, false);
		look(w, d, i);
		budget = now_ms() - now < ASKS_MS ? budget - 1 : 0;
	}
}

void scan_add_pending(struct worker *w, const struct epoch *e)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		die(EXIT_RUNTIME, "out of memory");
	p->e = *e;
	p->next = w->pending;
	w->pending = p;
}

void scan_left(struct worker *w, const struct epoch *e)
{
	struct epoch now = *e;

	now.changed_s = (uint64_t)time(NULL);
	scan_add_pending(w, &now);
}

/* Epochs that were open, and that nobody offers any more. */
static void scan_pending(struct worker *w)
{
	struct pending **p = &w->pending, *x;

	while ((x = *p)) {
		struct domain *d = scan_domain(w, x->e.id.domid);
		bool over = epoch_forgotten(d, &x->e) ||
			    (d->named && d->listed && !slots_any(&d->look) && d->named_ms &&
			     now_ms() - d->named_ms > SETTLE_MS &&
			     now_ms() - w->started_ms > SETTLE_MS);

		if (!over || scan_is_held(w, &x->e.id)) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		if (!link_find(w, x->e.id.domid, x->e.id.epoch))
			link_lost(w, d, &x->e);
		free(x);
	}
}

/* ------------------------------------------------------------------ */

void scan_tick(struct worker *w)
{
	watch_tick(w);
	if (w->named) {
		scan_named(w);
		w->sweep = true;
	}
	if (!w->ledger || !w->listed)
		return;
	if (!w->named) {
		scan_unnamed(w);
		if (w->sweep)
			sweep_peers(w);
		w->sweep = false;
	}
	for (struct domain *d = w->domains; d; d = d->next)
		if (d->named && (slots_any(&d->look) || !d->listed))
			scan_links(w, d);
	if (w->pending)
		scan_pending(w);
}

/* Everything is to be looked at again. */
void scan_reset(struct worker *w)
{
	w->named = true;
	for (struct domain *d = w->domains; d; d = d->next)
		watch_links(w, d, false);
}
