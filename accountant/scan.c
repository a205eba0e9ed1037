/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scan.c - what stands in xenstore: the driver domains that dom0 named, the
 * VMs that they serve, and their links.  Watch events only set bits; the
 * tick looks at what they name, a few directories at a time, so a domain
 * that writes without end costs a bounded share of a tick.
 */
#include "accountant/worker.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS 256u /* taken in one go */
#define SLOT_BUDGET 8u /* directories of a domain in one tick */
#define RETRY_MS 100u /* first wait after an attach failed, doubling */
#define RETRY_MAX_MS 5000u
#define GONE_TRIES 4u /* in vain so often: no such grant any more */
#define SETTLE_MS 5000u /* a link may be between two states when we start */
#define UNNAMED_MS 5000u /* so long a backend takes to go to another accountant */

#define BACKEND "/local/domain/%u/acctring/backend"
#define LINKS "/local/domain/%u/data/acctring/link"

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
		s = served_set(&w->served, &e, !strcmp(state, "gone"), clock_ms());
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

static void watch_links(struct worker *w, struct domain *d, bool on)
{
	char path[64], token[16];

	if (d->watched == on)
		return;
	snprintf(path, sizeof(path), LINKS, d->domid);
	snprintf(token, sizeof(token), "l%u", d->domid);
	if (on && !xs_watch(w->xs, path, token))
		log_warn("cannot watch %s: %s", path, strerror(errno));
	else if (!on)
		xs_unwatch(w->xs, path, token);
	d->watched = on;
	d->slots = 0;
	d->listed = false;
}

static bool read_named(struct worker *w, unsigned int domid)
{
	char *line = xs_readf(w->xs, BACKEND "/%u", w->domid, domid);
	char text[UUID_TEXT];
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
	if (memcmp(d->uuid, uuid, sizeof(uuid))) {
		/* another domain, or the same rebooted: its counter began anew */
		memcpy(d->uuid, uuid, sizeof(uuid));
		d->s.raw_ns = 0;
		d->dirty = true;
	}
	if (!kv_get(line, "name", d->name, sizeof(d->name)))
		d->name[0] = 0;
	free(line);
	d->named = true;
	watch_links(w, d, true);
	return true;
}

static void leave(struct worker *w, struct domain *d)
{
	for (struct link *k = w->links; k; k = k->next)
		if (k->domain == d && k->reader && k->state <= LINK_ATTACHED) {
			link_drain(w, k);
			if (k->state <= LINK_ATTACHED)
				k->state = LINK_LEAVING;
		}
}

/*
 * Domains that dom0 names no more.  Their backends go over to another
 * accountant; what they posted before that is ours, and when they give the old
 * pages back (`alive` is 0) the link has ended.  Nobody else may read the
 * rest, so we stay for it, but not for ever.
 */
static void scan_unnamed(struct worker *w)
{
	uint64_t now = clock_ms();

	for (struct domain *d = w->domains; d; d = d->next) {
		if (d->named) {
			d->unnamed_ms = 0;
			continue;
		}
		if (!d->unnamed_ms)
			d->unnamed_ms = now;
		d->draining = now - d->unnamed_ms <= UNNAMED_MS;
		if (!d->draining)
			leave(w, d);
	}
}

static void scan_named(struct worker *w)
{
	unsigned int n;
	uint64_t domid;
	char **dir;

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
	for (struct domain *d = w->domains; d; d = d->next)
		if (!d->named && d->watched)
			watch_links(w, d, false);
}

/* ------------------------------------------------------------------ */
/* Links                                                               */

/* Told once for each directory, until all is right there. */
static bool bad_node(struct domain *d, unsigned int slot, const char *name, const char *allowed)
{
	if (!(d->told >> slot & 1))
		log_warn(LINKS "/%u/%s: not understood, ignored, allowed: %s", d->domid, slot, name,
			 allowed);
	d->told |= 1ull << slot;
	return false;
}

static bool read_number(struct worker *w, struct domain *d, unsigned int slot, const char *name,
			uint64_t max, uint64_t *out, const char *allowed)
{
	if (xs_read_u64f(w->xs, max, out, LINKS "/%u/%s", d->domid, slot, name))
		return true;
	return errno == EINVAL ? bad_node(d, slot, name, allowed) : false;
}

/* One reading of a directory; 0: nothing there that could be a link. */
static unsigned int read_nodes(struct worker *w, struct domain *d, unsigned int slot,
			       struct acctring_link_id *id)
{
	uint64_t state, ref = 0, port = 0;
	char *epoch;
	bool ok;

	*id = (struct acctring_link_id){ .slot = slot, .domid = d->domid };
	/* the state first: 4 is written last, and 1 before anything changes */
	if (!xs_read_u64f(w->xs, 6, &state, LINKS "/%u/state", d->domid, slot))
		return 0;
	epoch = xs_readf(w->xs, LINKS "/%u/epoch", d->domid, slot);
	ok = epoch &&
	     ((parse_hex64(epoch, &id->epoch) && id->epoch) ||
	      bad_node(d, slot, "epoch", "16 lower-case hex digits, not 0")) &&
	     read_number(w, d, slot, "ring-ref", UINT32_MAX, &ref, "a grant reference") &&
	     read_number(w, d, slot, "event-channel", UINT32_MAX, &port, "a port");
	free(epoch);
	if (ok)
		d->told &= ~(1ull << slot);
	id->ref = (uint32_t)ref;
	id->port = (uint32_t)port;
	return ok ? (unsigned int)state : 0;
}

/*
 * Twice the same, so that it is not half of a former process's link: a new
 * epoch with an old reference would look like an epoch that is gone.
 */
static unsigned int read_link(struct worker *w, struct domain *d, unsigned int slot,
			      struct acctring_link_id *id)
{
	struct acctring_link_id again;
	unsigned int state = read_nodes(w, d, slot, id);

	if (state == 4 &&
	    (read_nodes(w, d, slot, &again) != 4 || memcmp(id, &again, sizeof(again)))) {
		d->slots |= 1ull << slot;
		return 0;
	}
	return state;
}

static void try_later(struct domain *d, unsigned int slot, uint64_t epoch)
{
	uint64_t wait = RETRY_MS;

	if (d->tried[slot] != epoch)
		d->tries[slot] = 0;
	d->tried[slot] = epoch;
	for (unsigned int i = 0; i < d->tries[slot] && wait < RETRY_MAX_MS; i++)
		wait *= 2;
	d->tries[slot]++;
	d->retry_ms[slot] = clock_ms() + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
	d->slots |= 1ull << slot;
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

static bool is_held(const struct worker *w, const struct acctring_link_id *id)
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

	if (is_held(w, id)) /* attached from there, or lost */
		return try_later(d, id->slot, id->epoch);
	err = ledger_find_epoch(w->ledger, d->domid, id->epoch, &e);
	if (!err && e.state != EPOCH_OPEN)
		return; /* over, or refused: never touched again */
	if (err == -ENOENT)
		e = (struct epoch){ .id = *id };
	else if (err)
		return try_later(d, id->slot, id->epoch);
	err = link_attach(w, d, id, false);
	if (!err || err == -EPROTO) {
		scan_drop_pending(w, id);
	} else if (d->tried[id->slot] == id->epoch && d->tries[id->slot] >= GONE_TRIES &&
		   is_gone(w, id, err)) {
		scan_drop_pending(w, id);
		link_lost(w, d, &e);
	} else {
		if (d->tried[id->slot] != id->epoch) /* once, not for each try */
			log_warn("domain %u, slot %u, epoch %016" PRIx64 ": cannot attach: %s",
				 d->domid, id->slot, id->epoch, strerror(-err));
		try_later(d, id->slot, id->epoch);
	}
}

static void look(struct worker *w, struct domain *d, unsigned int slot)
{
	struct acctring_link_id id = { 0 };
	struct link *k;
	uint64_t state;

	if (!read_number(w, d, slot, "state", 6, &state, "a xenbus state, 1..6") || state < 4 ||
	    !read_link(w, d, slot, &id))
		return; /* a watch fires when it changes */
	k = link_find(w, d->domid, id.epoch);
	if (state == 5 || state == 6) {
		if (k && k->reader)
			link_close(w, k);
		return;
	}
	if (state != 4)
		return;
	if (!k)
		return try_link(w, d, &id);
	if (k->reader && k->state == LINK_ATTACHED &&
	    (k->e.id.ref != id.ref || k->e.id.port != id.port)) {
		/* the same epoch on new pages: it moved */
		link_drain(w, k);
		if (k->state == LINK_ATTACHED)
			k->state = LINK_LEAVING;
		try_later(d, slot, id.epoch);
	} else if (k->state == LINK_LEAVING) {
		try_later(d, slot, id.epoch);
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
		d->slots = ~0ull; /* the directories may be readable all the same */
	for (unsigned int i = 0; dir && i < n; i++)
		if (parse_u64(dir[i], LINK_SLOTS - 1, &slot))
			d->slots |= 1ull << slot;
	free(dir);
}

static void scan_links(struct worker *w, struct domain *d)
{
	unsigned int budget = SLOT_BUDGET;
	uint64_t now = clock_ms();

	if (!d->listed)
		list_links(w, d);
	for (unsigned int i = 0; i < LINK_SLOTS && budget; i++) {
		if (!(d->slots >> i & 1) || now < d->retry_ms[i])
			continue;
		d->slots &= ~(1ull << i);
		budget--;
		look(w, d, i);
	}
}

/* Epochs that were open, and that nobody offers any more. */
static void scan_pending(struct worker *w)
{
	struct pending **p = &w->pending, *x;

	while ((x = *p)) {
		struct domain *d = scan_domain(w, x->e.id.domid);
		bool over = d->named && d->listed && !d->slots &&
			    clock_ms() - w->started_ms > SETTLE_MS;

		if (!over || is_held(w, &x->e.id)) {
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

static void on_backend(struct worker *w, const char *path)
{
	unsigned int a, b, f;
	int end = 0;

	if (sscanf(path, BACKEND "/%u/%u%n", &a, &b, &f, &end) == 3 && !path[end])
		scan_served(w, b, f);
	else if (!strstr(path, "/measured"))
		w->named = true;
}

static void on_link(struct worker *w, const char *path, const char *token)
{
	unsigned int b, slot;
	uint64_t domid;
	struct domain *d;

	if (!parse_u64(token + 1, DOMID_LAST, &domid))
		return;
	for (d = w->domains; d && d->domid != domid; d = d->next)
		;
	if (!d || !d->watched)
		return;
	if (sscanf(path, LINKS "/%u", &b, &slot) == 2) {
		if (slot >= LINK_SLOTS)
			return;
		d->slots |= 1ull << slot;
		if (strlen(path) > 6 && !strcmp(path + strlen(path) - 6, "/epoch"))
			d->retry_ms[slot] = 0; /* another link: no need to wait */
	} else {
		d->listed = false;
	}
}

void scan_events(struct worker *w)
{
	for (unsigned int i = 0; i < EVENTS; i++) {
		char **event = xs_check_watch(w->xs);

		if (!event)
			return;
		if (event[XS_WATCH_TOKEN][0] == 'l')
			on_link(w, event[XS_WATCH_PATH], event[XS_WATCH_TOKEN]);
		else
			on_backend(w, event[XS_WATCH_PATH]);
		free(event);
	}
}

void scan_tick(struct worker *w)
{
	scan_events(w);
	if (w->named)
		scan_named(w);
	if (!w->ledger || !w->listed)
		return;
	if (!w->named)
		scan_unnamed(w);
	for (struct domain *d = w->domains; d; d = d->next)
		if (d->named && (d->slots || !d->listed))
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

bool scan_open(struct worker *w)
{
	char path[64];

	snprintf(path, sizeof(path), BACKEND, w->domid);
	w->named = true;
	return xs_watch(w->xs, path, "b");
}
