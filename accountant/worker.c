/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.c - the event loop, and what happens when the ledger fails.
 */
#include "accountant/worker.h"

#include "accountant/charge.h"
#include "accountant/control.h"
#include "accountant/limits.h"
#include "accountant/loopback.h"
#include "accountant/pays.h"
#include "accountant/place.h"
#include "accountant/snapshot.h"
#include "common/clock.h"
#include "common/lines.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#define HOLD_TRIES 50u /* to attach what is held, 100 ms apart */
#define TAKEOVER_MS 2000u /* for a former worker to leave the database */
#define BACKOFF_MS 100u
#define BACKOFF_MAX_MS 5000u

/* ------------------------------------------------------------------ */
/* The tick, and who asks for one                                      */

static void tick_in(struct worker *w, uint64_t ms)
{
	struct timeval t = { .tv_sec = (time_t)(ms / 1000),
			     .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	event_add(w->tick, &t);
}

/* A tick looks at everything, so whoever asks for one, there is a least gap. */
static void hasten(struct worker *w)
{
	uint64_t now = now_ms(), next = w->ticked_ms + (uint64_t)w->conf.tick_ms;

	w->interval = 0;
	tick_in(w, next > now ? next - now : 0);
}

static struct event *add(struct worker *w, int fd, event_callback_fn fn)
{
	struct event *e = event_new(w->base, fd, EV_READ | EV_PERSIST, fn, w);

	if (!e || event_add(e, NULL))
		die(EXIT_RUNTIME, "out of memory");
	return e;
}

/* A client of the socket; the tick answers. */
static void on_question(evutil_socket_t fd, short what, void *ctx)
{
	uint64_t n;

	(void)what;
	if (!eventfd_read(fd, &n))
		hasten(ctx);
}

/* ------------------------------------------------------------------ */
/* Ledger: open, load, forget                                          */

static void load_domain(void *ctx, const struct domain *from)
{
	struct domain *d = scan_domain(ctx, from->domid);

	memcpy(d->uuid, from->uuid, sizeof(d->uuid));
	memcpy(d->name, from->name, sizeof(d->name));
	d->s = from->s;
}

static void load_served(void *ctx, const struct served_entry *e)
{
	struct worker *w = ctx;

	if (!served_restore(&w->served, e))
		die(EXIT_RUNTIME, "out of memory");
}

static void load_epoch(void *ctx, const struct epoch *e)
{
	struct worker *w = ctx;

	if (e->state == EPOCH_OPEN)
		scan_add_pending(w, e);
	else
		link_restore(w, scan_domain(w, e->id.domid), e);
}

static int load(struct worker *w)
{
	int err = ledger_load_accounts(w->ledger, &w->accounts);

	if (!err)
		err = ledger_load_domains(w->ledger, load_domain, w);
	if (!err)
		charge_load(w);
	if (!err)
		err = ledger_load_served(w->ledger, load_served, w);
	if (!err)
		err = control_load(w);
	if (!err)
		err = ledger_load_epochs(w->ledger, load_epoch, w);
	return err;
}

static void later(struct worker *w, const char *why)
{
	if (!w->complained)
		log_error("%s; posts stay in shared pages until the ledger works again", why);
	w->complained = true;
	w->backoff_ms = w->backoff_ms ? 2 * w->backoff_ms : BACKOFF_MS;
	if (w->backoff_ms > BACKOFF_MAX_MS)
		w->backoff_ms = BACKOFF_MAX_MS;
	w->retry_ms = now_ms() + w->backoff_ms;
}

/* All that came from the ledger. */
static void unload(struct worker *w)
{
	struct domain *d;
	struct pending *p;

	ledger_close(w->ledger);
	w->ledger = NULL;
	while (w->links)
		link_free(w, w->links);
	scan_reset(w);
	while ((d = w->domains)) {
		w->domains = d->next;
		free(d);
	}
	while ((p = w->pending)) {
		w->pending = p->next;
		free(p);
	}
	allow_forget(w);
	quota_free(&w->quotas);
	w->share_commanded = -1;
	w->share_dirty = false;
	accounts_free(&w->accounts);
	served_free(&w->served);
}

void worker_forget(struct worker *w)
{
	unload(w);
	if (!accounts_init(&w->accounts) || !served_init(&w->served))
		die(EXIT_RUNTIME, "out of memory");
	w->accounts.per_vm = (unsigned int)w->conf.accounts_per_vm;
	w->own_seen = w->own_base;
	w->unpublished = false;
}

static void first_open(struct worker *w)
{
	w->ever = true;
	w->snapshot = snapshot_open(w->conf.socket);
	if (!w->snapshot)
		die(EXIT_ENV, "%s: cannot listen: %s", w->conf.socket, strerror(errno));
	w->on_question = add(w, snapshot_fd(w->snapshot), on_question);
	w->control = control_open(w);
	if (!w->control)
		log_warn("%s" CONTROL_SUFFIX ": cannot listen: %s: acctctl can set no limits",
			 w->conf.socket, strerror(errno));
	log_info("accountant of domain %u, ledger %s (%016" PRIx64 "), socket %s", w->domid,
		 w->conf.database, w->incarnation, w->conf.socket);
}

void worker_resume(struct worker *w)
{
	char why[4400];
	int err = ledger_open(&w->ledger, w->conf.database, w->conf.full_sync, why, sizeof(why));

	if (err == -EBUSY && now_ms() - w->born_ms < TAKEOVER_MS) {
		/* the worker of a holder that was killed may be committing */
		w->retry_ms = now_ms() + BACKOFF_MS;
		return;
	}
	if (err == -EBUSY || err == -EUCLEAN || (err == -EACCES && !w->ever))
		die(EXIT_ENV, "%s", why);
	if (err) {
		later(w, why);
		return;
	}
	w->incarnation = ledger_incarnation(w->ledger);
	err = load(w);
	if (err) {
		later(w, ledger_error(w->ledger));
		worker_forget(w);
		return;
	}
	w->started_ms = now_ms();
	w->unpublished = true;
	w->named = true; /* whom the ledger names may be another by now */
	if (!w->ever)
		first_open(w);
	for (struct hold *h = w->holds; h; h = h->next)
		h->pages = 0; /* here: tries */
}

/* ------------------------------------------------------------------ */
/* What the holder kept for us                                         */

static void take_hold(struct worker *w, struct hold *h)
{
	struct acctring_link_id id = h->id;
	struct domain *d = scan_domain(w, id.domid);
	struct epoch e = { .id = id };
	int err = ledger_find_epoch(w->ledger, id.domid, id.epoch, &e);

	if (!err && e.state != EPOCH_OPEN) {
		link_release(w, &id); /* the tombstone was written, the release not */
		return;
	}
	if (err && err != -ENOENT)
		return;
	err = link_attach(w, d, &id, true);
	if (!err || err == -EPROTO) {
		scan_drop_pending(w, &id);
	} else if (err == -ESTALE || ++h->pages >= HOLD_TRIES) {
		log_warn("domain %u, slot %u, epoch %016" PRIx64 ": held, but cannot be mapped: %s",
			 id.domid, id.slot, id.epoch, strerror(-err));
		scan_drop_pending(w, &id);
		link_lost(w, d, &e);
		link_release(w, &id);
	}
}

static void take_holds(struct worker *w)
{
	struct hold *h, *next;

	if (now_ms() < w->held_ms)
		return;
	w->held_ms = now_ms() + 100;
	for (h = w->holds; h; h = next) {
		next = h->next;
		if (!link_find(w, h->id.domid, h->id.epoch))
			take_hold(w, h);
	}
}

static void on_holder(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *w = ctx;
	struct hold_msg m;
	struct hold *h;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!hold_whole(&m, n)) {
		log_error("the holder is gone: committing and leaving");
		w->stopping = true;
	} else if (m.type == LIST && (h = calloc(1, sizeof(*h)))) {
		h->id = m.id;
		h->next = w->holds;
		w->holds = h;
	} else if (m.type == LISTED) {
		w->listed = true;
		worker_resume(w);
	} else if (m.type == HELD) {
		link_held(w, &m.id, m.error);
	} else if (m.type == RELOAD) {
		w->reload = true;
	} else if (m.type == STOP) {
		w->stopping = true;
	}
	if (w->stopping)
		event_active(w->tick, EV_TIMEOUT, 1);
	else
		hasten(w);
}

/* ------------------------------------------------------------------ */

/* What is new, now and then; at once for who asks. */
static void publish(struct worker *w, bool asked, uint64_t question)
{
	struct view *v;

	if (!w->unpublished) {
		snapshot_publish(w->snapshot, NULL, question);
		return;
	}
	/* after a commit, and not after the next for the part of a tick that it came early */
	if (!asked &&
	    now_ms() + (uint64_t)w->conf.tick_ms - w->published_ms < (uint64_t)w->conf.statement_ms)
		return;
	for (const struct link *k = w->links; k; k = k->next)
		if (k->dirty)
			return; /* memory is ahead of the database: after the next commit */
	if (w->accounts.dirty || !(v = view_make(w)))
		return;
	if (w->statement)
		statement_write(w->statement, v);
	snapshot_publish(w->snapshot, v, question);
	w->published_ms = now_ms();
	w->unpublished = false;
}

static void reload(struct worker *w)
{
	struct conf c;
	char *error;

	w->reload = false;
	if (!settings_load(&c, w->options, &error)) {
		log_error("%s; the old settings stay", error ? error : "out of memory");
		free(error);
		return;
	}
	if (strcmp(c.database, w->conf.database) || strcmp(c.socket, w->conf.socket))
		log_warn("another database or socket counts after a restart only");
	free(c.database);
	free(c.socket);
	c.database = w->conf.database;
	c.socket = w->conf.socket;
	free(w->conf.synchronous);
	rules_free(&w->conf.rules);
	quota_free(&w->conf.quotas);
	w->conf = c;
	w->accounts.per_vm = (unsigned int)c.accounts_per_vm;
	w->share = w->share_commanded >= 0 ? w->share_commanded : c.share;
	w->renamed = true;
	log_info("configuration read again");
}

void worker_try_commit(struct worker *w)
{
	char why[256];

	if (!worker_commit(w)) {
		if (w->complained)
			log_info("the ledger works again");
		w->complained = false;
		w->backoff_ms = 0;
		return;
	}
	snprintf(why, sizeof(why), "commit failed: %s", ledger_error(w->ledger));
	later(w, why);
	worker_forget(w);
}

static bool drain_all(struct worker *w)
{
	bool busy = false;

	for (struct link *k = w->links; k; k = k->next)
		if (k->reader && k->state <= LINK_ATTACHED)
			busy |= link_drain(w, k);
	for (struct domain *d = w->domains; d; d = d->next)
		resolve_rows(w, d);
	return busy;
}

static int stop(struct worker *w)
{
	int err = 0;

	if (w->ledger) {
		drain_all(w);
		err = worker_commit(w);
		if (err)
			log_error("last commit failed: %s", ledger_error(w->ledger));
		if (!err)
			publish(w, true, UINT64_MAX);
		for (struct link *k = w->links; k && !err; k = k->next)
			if (k->reader)
				link_tell(w, k, "closed");
	}
	unload(w);
	allow_free(w->allow);
	lines_close(w->control);
	statement_close(w->statement);
	if (w->on_question)
		event_free(w->on_question);
	snapshot_close(w->snapshot);
	return err ? EXIT_RUNTIME : 0;
}

static void close_xen(struct worker *w)
{
	struct hold *h;

	while ((h = w->holds)) {
		w->holds = h->next;
		free(h);
	}
	outbox_free(&w->to_holder);
	event_free(w->on_port);
	watch_close(w);
	event_free(w->on_holder);
	event_free(w->tick);
	event_base_free(w->base);
	measure_close(w->measure);
	xenevtchn_close(w->evtchn);
	xengnttab_close(w->gnttab);
	xs_close(w->xs);
	settings_free(&w->conf);
	urcu_memb_unregister_thread();
}

static void work(struct worker *w)
{
	uint64_t question;
	bool busy, asked;

	outbox_flush(&w->to_holder, w->holder);
	if (w->reload)
		reload(w);
	if (w->listed && !w->ledger && now_ms() >= w->retry_ms)
		worker_resume(w);
	if (w->ledger && w->holds)
		take_holds(w); /* first: what is held needs no other hold */
	scan_tick(w);
	if (!w->ledger)
		return;
	if (w->renamed) {
		pays_find_all(w);
		allow_again(w);
	}
	w->renamed = false;
	asked = snapshot_asked(w->snapshot, &question);
	busy = drain_all(w);
	allow_tick(w);
	if (worker_commit_wanted(w) || asked)
		worker_try_commit(w);
	if (w->ledger)
		publish(w, asked, question);
	w->interval = busy || (w->ledger && allow_hurry(w)) ? (unsigned int)w->conf.tick_ms
							    : 2 * w->interval;
}

/*
 * A port that was read stays masked until here, and what is not read now can
 * wait: which one fired does not matter to us.
 */
static void read_ports(struct worker *w)
{
	if (!w->rang)
		return;
	w->rang = false;
	for (unsigned int i = 0; i < EVENTS_A_TICK; i++) {
		xenevtchn_port_or_error_t port = xenevtchn_pending(w->evtchn);

		if (port < 0)
			break;
		xenevtchn_unmask(w->evtchn, (evtchn_port_t)port);
	}
	event_add(w->on_port, NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *w = ctx;

	(void)fd;
	(void)what;
	if (w->stopping) {
		event_base_loopbreak(w->base);
		return;
	}
	read_ports(w);
	work(w);
	w->ticked_ms = now_ms();
	if (w->interval < (unsigned int)w->conf.tick_ms)
		w->interval = (unsigned int)w->conf.tick_ms;
	if (w->interval > (unsigned int)w->conf.idle_ms)
		w->interval = (unsigned int)w->conf.idle_ms;
	tick_in(w, w->interval);
}

/* A port fires when a backend attaches, closes or dies, or whenever it likes. */
static void on_port(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *w = ctx;

	(void)fd;
	(void)what;
	event_del(w->on_port); /* read_ports() */
	w->rang = true;
	hasten(w);
}

/* ------------------------------------------------------------------ */

static void open_xen(struct worker *w)
{
	int domid;

	w->xs = xs_open(0);
	if (!w->xs)
		die(EXIT_ENV, "no xenstore: %s, allowed: a Xen domain with xenstore",
		    strerror(errno));
	domid = xs_own_domid(w->xs);
	if (domid < 0)
		die(EXIT_ENV, "xenstore: domid: %s, allowed: our domid", strerror(errno));
	w->domid = (uint16_t)domid;
	w->gnttab = xengnttab_open(NULL, 0);
	if (!w->gnttab)
		die(EXIT_ENV, "/dev/xen/gntdev: %s, allowed: modprobe xen-gntdev", strerror(errno));
	w->evtchn = xenevtchn_open(NULL, 0);
	if (!w->evtchn)
		die(EXIT_ENV, "/dev/xen/evtchn: %s, allowed: modprobe xen-evtchn", strerror(errno));
	fcntl(xenevtchn_fd(w->evtchn), F_SETFL, O_NONBLOCK); /* read_ports() */
	w->measure = measure_open(); /* commit.c does without */
	/* dom0 maps the statement, and would take it from itself */
	if (!w->domid && own_grants_vanish(GUEST_TYPE))
		die(EXIT_ENV,
		    "a PVH or HVM dom0 cannot be accountant: the first page that it maps "
		    "of its own statement is gone, allowed: another domain, or a PV dom0");
	w->statement = statement_open(w->xs, w->domid);
	if (!w->statement)
		log_warn("/dev/xen/gntalloc: %s: dom0 gets no statement, so no VM a bill, allowed: "
			 "modprobe xen-gntalloc, and start acctringd again",
			 strerror(errno));
	watch_open(w);
}

int worker_main(const struct options *options, int holder)
{
	struct worker w = { .options = options, .holder = holder };
	char *error;
	int code;

	if (!settings_load(&w.conf, options, &error))
		die(EXIT_CONFIG, "%s", error ? error : "out of memory");
	/* the holder decides; a full disk is an error, not a signal */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	w.born_ms = now_ms();
	place_ready("database", w.conf.database);
	place_ready("socket", w.conf.socket);
	urcu_memb_register_thread();
	w.share_commanded = -1;
	w.allow = allow_new();
	if (!w.allow || !accounts_init(&w.accounts) || !served_init(&w.served))
		die(EXIT_RUNTIME, "out of memory");
	w.accounts.per_vm = (unsigned int)w.conf.accounts_per_vm;
	w.own_seen = w.own_base = measure_self();
	w.proc = secure_getenv(BUSY_PROC) ? secure_getenv(BUSY_PROC) : "/proc";
	w.purged_ms = now_ms();
	w.base = event_base_new();
	w.tick = w.base ? event_new(w.base, -1, 0, on_tick, &w) : NULL;
	if (!w.tick)
		die(EXIT_RUNTIME, "out of memory");
	open_xen(&w);
	w.on_holder = add(&w, holder, on_holder);
	w.on_port = add(&w, xenevtchn_fd(w.evtchn), on_port);
	event_active(w.tick, EV_TIMEOUT, 1);
	event_base_dispatch(w.base);
	code = stop(&w);
	close_xen(&w);
	return code;
}
