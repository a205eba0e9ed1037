/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control thread: connects and connects again, publishes CPU clocks,
 * moves lanes, and ends the link.  Posting never waits for it.
 */
#include "ring/barrier.h"
#include "ring/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 10u
#define IDLE_MS 100u
#define QUIET_MS 1000u
#define CLOSING_MS 2u
#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 5000u
#define LOOK_MS 1000u
#define LOOK_MAX_MS 8000u
#define UNREAD_MAX 16u /* slots that dead processes keep */
#define ASK_MS 10000u

uint64_t control_now(void)
{
	return acctring__clock() / 1000000;
}

/* ------------------------------------------------------------------ */
/* Connecting                                                          */

static int devices_open(struct acctring *r)
{
	struct conn *c = &r->conn;
	int ret = 0;

	pthread_mutex_lock(&r->dev);
	errno = 0;
	if (!c->evtchn)
		c->evtchn = xenevtchn_open(&ring_null_logger, 0);
	if (c->evtchn && !c->gntshr)
		c->gntshr = xengntshr_open(&ring_null_logger, 0);
	if (!c->evtchn || !c->gntshr)
		ret = errno ? -errno : -ENODEV;
	pthread_mutex_unlock(&r->dev);
	return ret;
}

static int store_connect(struct acctring *r)
{
	int ret;

	pthread_mutex_lock(&r->dev);
	ret = store_open(&r->conn);
	pthread_mutex_unlock(&r->dev);
	return ret;
}

/* Grants as much as there is, but what lanes use already stays as it is. */
static struct pages *grant(struct acctring *r, evtchn_port_t port)
{
	struct geometry g;
	struct pages *p;
	bool frozen;

	pthread_mutex_lock(&r->lock);
	g = r->geo;
	frozen = r->frozen;
	pthread_mutex_unlock(&r->lock);
	for (;;) {
		p = pages_grant(&g, r->conn.gntshr, r->conn.peer, port);
		if (p || errno != ENOSPC || frozen || !g.ring_pages)
			return p;
		g.ring_pages /= 2;
	}
}

/* Did a resume take away a port of this number, and pages still refer to it? */
static bool port_stale(struct acctring *r, evtchn_port_t port)
{
	const struct pages *p;

	pthread_mutex_lock(&r->lock);
	for (p = r->sets; p && !(p->port_gone && p->port == port); p = p->next)
		;
	pthread_mutex_unlock(&r->lock);
	return p;
}

/*
 * Linux counts those pages' notification by the number of the port: giving them
 * back takes it from whoever has that number then.
 */
static xenevtchn_port_or_error_t port_bind(struct acctring *r)
{
	struct conn *c = &r->conn;
	xenevtchn_port_or_error_t port = xenevtchn_bind_unbound_port(c->evtchn, c->peer), other;

	if (port < 0 || !port_stale(r, (evtchn_port_t)port))
		return port;
	other = port_bind(r);
	xenevtchn_unbind(c->evtchn, (evtchn_port_t)port);
	return other;
}

/* New pages for the accountant that now is. */
static int pages_connect(struct acctring *r)
{
	struct conn *c = &r->conn;
	xenevtchn_port_or_error_t port;
	enum handover plan;
	struct pages *p;
	bool have;
	int ret;

	pthread_mutex_lock(&r->lock);
	have = r->sets && r->sets->granted && r->sets->domid == c->peer &&
	       r->sets->epoch == r->epoch && !r->sets->sealed;
	pthread_mutex_unlock(&r->lock);
	if (have)
		return 0;
	ret = handover_plan(r, &plan);
	if (ret)
		return ret;
	errno = 0;
	port = port_bind(r);
	if (port < 0)
		return errno ? -errno : -EIO;
	p = grant(r, (evtchn_port_t)port);
	ret = p ? 0 : -errno;
	if (p) {
		pthread_mutex_lock(&r->lock);
		ret = handover_begin(r, plan);
		if (!ret)
			ret = link_install(r, p);
		pthread_mutex_unlock(&r->lock);
	}
	if (ret) {
		pages_free(p);
		xenevtchn_unbind(c->evtchn, (evtchn_port_t)port);
	}
	return ret;
}

static void slot_disconnect(struct conn *c)
{
	if (c->slot_fd >= 0)
		slot_drop(c->slot, c->slot_fd);
	c->slot = c->slot_fd = -1;
}

/*
 * Not over the node of a process that died before the accountant came, or its
 * loss would never be counted.  So many of them are kept.
 */
static void slot_choose(struct conn *c)
{
	unsigned int first = 0;

	c->slot = slot_take_from(c->domid, first, &c->slot_fd);
	while (c->slot >= 0 && store_unread(c) && first < UNREAD_MAX) {
		first = (unsigned int)c->slot + 1;
		slot_disconnect(c);
		c->slot = slot_take_from(c->domid, first < UNREAD_MAX ? first : 0, &c->slot_fd);
	}
}

static int slot_connect(struct acctring *r)
{
	struct conn *c = &r->conn;

	pthread_mutex_lock(&r->dev);
	if (c->slot_fd < 0)
		slot_choose(c);
	pthread_mutex_unlock(&r->dev);
	return c->slot < 0 ? c->slot : 0;
}

static int watch_connect(struct acctring *r)
{
	int ret;

	pthread_mutex_lock(&r->dev);
	ret = store_watch(&r->conn);
	pthread_mutex_unlock(&r->dev);
	return ret;
}

static int connect_all(struct acctring *r)
{
	struct conn *c = &r->conn;
	int ret = store_connect(r), peer = 0;

	if (!ret) {
		peer = store_accountant(c, r->accountant);
		ret = peer < 0 ? peer : devices_open(r);
	}
	if (!ret)
		c->peer = (unsigned int)peer;
	if (!ret)
		ret = pages_connect(r);
	if (!ret)
		ret = slot_connect(r);
	if (!ret)
		ret = watch_connect(r);
	if (!ret)
		ret = store_publish(c, r->sets, r->epoch);
	return ret;
}

static void try_connect(struct acctring *r)
{
	struct conn *c = &r->conn;
	int ret;

	if (c->published || control_now() < c->retry_at)
		return;
	ret = connect_all(r);
	c->published = !ret;
	if (!ret) {
		c->silent_at = 0;
		c->look_ms = LOOK_MS;
	}
	c->backoff = ret ? c->backoff * 2 : 0;
	if (c->backoff < BACKOFF_MIN_MS)
		c->backoff = BACKOFF_MIN_MS;
	if (c->backoff > BACKOFF_MAX_MS)
		c->backoff = BACKOFF_MAX_MS;
	c->retry_at = control_now() + c->backoff;
	pthread_mutex_lock(&r->lock);
	r->error = ret;
	pthread_mutex_unlock(&r->lock);
}

/* ------------------------------------------------------------------ */
/* What others do                                                      */

static void reconnect(struct conn *c)
{
	c->published = false;
	c->retry_at = 0;
}

/*
 * We have another domid: the domain was saved or migrated, and resumed.
 * Grants, ports and nodes are gone; where they were, somebody drained them.
 * Ports that a resume took away cannot be closed in Linux (a BUG() of its
 * evtchn driver, which would end this thread): their handle is left open.
 */
static void renew(struct acctring *r, unsigned int domid)
{
	struct conn *c = &r->conn;
	struct pages *p;

	pthread_mutex_lock(&r->dev);
	pthread_mutex_lock(&r->lock);
	if (r->sets && r->sets->granted)
		r->epoch = random_epoch();
	for (p = r->sets; p; p = p->next) {
		p->abandoned = true;
		p->port_gone = true;
	}
	c->domid = domid;
	c->evtchn = NULL;
	slot_disconnect(c);
	store_close(c); /* its watch is on the old domain */
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_unlock(&r->dev);
	reconnect(c);
}

/* Is it another accountant?  While the store does not say, it is the same. */
static void check_accountant(struct acctring *r)
{
	struct conn *c = &r->conn;
	int peer, domid;

	if (c->published && !c->watched && control_now() >= c->ask_at) {
		c->ask_at = control_now() + ASK_MS;
		c->unsure = true;
	}
	if (!c->published || !c->unsure)
		return;
	domid = store_domid(c);
	if (domid >= 0 && domid != (int)c->domid) {
		renew(r, (unsigned int)domid);
		return;
	}
	peer = store_accountant(c, r->accountant);
	c->unsure = peer < 0;
	if (peer >= 0 && peer != (int)c->peer)
		reconnect(c);
}

static void watch_events(struct acctring *r)
{
	struct conn *c = &r->conn;
	bool any = false;

	while (store_event(c))
		any = true;
	if (any) {
		c->unsure = true;
	} else if (!store_alive(c)) { /* xenstored has gone, and its nodes perhaps */
		pthread_mutex_lock(&r->dev);
		store_close(c);
		pthread_mutex_unlock(&r->dev);
		reconnect(c);
	}
}

/*
 * Attach, detach, death: all of it stands in the pages or in xenstore.  The
 * other end may notify without end: the port is masked until we have looked,
 * and we look every 10 ms at most.
 */
static void port_events(struct acctring *r)
{
	struct conn *c = &r->conn;
	xenevtchn_port_or_error_t port = xenevtchn_pending(c->evtchn);
	struct pages *p;

	if (port < 0)
		return;
	pthread_mutex_lock(&r->lock);
	for (p = r->sets; p; p = p->next)
		if (p->granted && !p->port_gone && p->port == (evtchn_port_t)port)
			p->masked = true;
	pthread_mutex_unlock(&r->lock);
	if (c->look_at > c->looked_at + TICK_MS)
		c->look_at = c->looked_at + TICK_MS;
	c->masked = true;
}

static void ports_unmask(struct acctring *r)
{
	struct conn *c = &r->conn;
	struct pages *p;

	if (!c->masked || control_now() < c->looked_at + TICK_MS)
		return;
	c->looked_at = control_now();
	c->masked = false;
	pthread_mutex_lock(&r->lock);
	for (p = r->sets; p; p = p->next) {
		if (p->masked && !p->port_gone && c->evtchn)
			xenevtchn_unmask(c->evtchn, p->port);
		p->masked = false;
	}
	pthread_mutex_unlock(&r->lock);
}

/* The accountant cannot have these pages any more: others, of a new epoch. */
static void lost(struct acctring *r)
{
	struct pages *p;

	pthread_mutex_lock(&r->lock);
	for (p = r->sets; p; p = p->next)
		if (p->epoch == r->epoch && p->granted)
			p->abandoned = true;
	r->epoch = random_epoch();
	pthread_mutex_unlock(&r->lock);
	r->conn.published = false;
	r->conn.retry_at = control_now() + LOOK_MS; /* should it say so always */
}

/*
 * Ever more seldom: where no accountant comes, hundreds of us wait, and every
 * look is paid by the store, which is one for the whole machine.
 */
static void look_again(struct conn *c)
{
	c->looked_at = control_now();
	c->look_at = c->looked_at + c->look_ms;
	c->look_ms = c->look_ms * 2 < LOOK_MAX_MS ? c->look_ms * 2 : LOOK_MAX_MS;
}

static void look_for_refusal(struct acctring *r)
{
	struct conn *c = &r->conn;
	char reason[sizeof(r->reason)] = "";
	bool refused, attached;

	if (!c->published || control_now() < c->look_at)
		return;
	pthread_mutex_lock(&r->lock);
	attached = link_attached(r);
	if (attached) /* by one that knows our version, after one that did not */
		r->refused = false;
	pthread_mutex_unlock(&r->lock);
	if (attached) {
		c->look_ms = LOOK_MS;
		return;
	}
	c->unsure |= !c->watched; /* perhaps it is another's to attach */
	refused = store_refused(c, r->epoch, reason, sizeof(reason));
	look_again(c);
	if (refused && !strcmp(reason, "lost")) {
		lost(r);
		refused = false;
	}
	pthread_mutex_lock(&r->lock);
	r->refused = refused;
	memcpy(r->reason, reason, sizeof(reason));
	pthread_mutex_unlock(&r->lock);
}

/* ------------------------------------------------------------------ */
/* The loop                                                            */

/* Returns whether anything was posted since the last tick. */
static bool tick(struct acctring *r)
{
	uint64_t sum = 0, before = 0;
	unsigned int i;

	pthread_mutex_lock(&r->lock);
	for (i = 0; r->sets && i < r->geo.lanes; i++) {
		struct lane *l = &r->lane[i];

		before += l->recorded + l->spilled;
		lane_count(l);
		sum += l->recorded + l->spilled;
		lane_publish_cpu(l);
	}
	if (r->sets)
		link_tend_moves(r);
	pthread_mutex_unlock(&r->lock);
	return sum != before;
}

/*
 * How long nothing may happen in a link that nobody posts on.  With no lane open
 * (opening one wakes us) and none on its way to other pages there is nothing
 * to publish: hundreds of such links in a domain shall cost nothing.
 */
static unsigned int idle_ms(struct acctring *r)
{
	bool quiet = r->conn.published && !r->conn.unsure;
	unsigned int i;

	pthread_mutex_lock(&r->lock);
	quiet &= r->sets && !r->sets->next;
	for (i = 0; i < r->geo.lanes; i++)
		quiet &= !r->lane[i].open;
	pthread_mutex_unlock(&r->lock);
	return quiet ? QUIET_MS : IDLE_MS;
}

static void wait_events(struct acctring *r, unsigned int ms)
{
	struct conn *c = &r->conn;
	struct pollfd fd[3] = {
		{ .fd = r->wake_fd, .events = POLLIN },
		{ .fd = c->xs ? xs_fileno(c->xs) : -1, .events = POLLIN },
		{ .fd = c->evtchn ? xenevtchn_fd(c->evtchn) : -1, .events = POLLIN },
	};
	uint64_t v;

	if (poll(fd, 3, (int)ms) <= 0)
		return;
	if (fd[0].revents && read(r->wake_fd, &v, sizeof(v)) < 0)
		return;
	if (fd[1].revents)
		watch_events(r);
	if (fd[2].revents)
		port_events(r);
}

static bool closing(struct acctring *r, unsigned int *wait_ms)
{
	bool yes;

	pthread_mutex_lock(&r->lock);
	yes = r->closing;
	*wait_ms = r->wait_ms;
	pthread_mutex_unlock(&r->lock);
	return yes;
}

/* Posts that are still pending when all are committed or time is up. */
static uint64_t finish(struct acctring *r, unsigned int wait_ms)
{
	uint64_t until = control_now() + wait_ms, left;
	struct conn *c = &r->conn;

	if (c->published)
		store_state(c, 5);
	for (;;) {
		pthread_mutex_lock(&r->lock);
		left = r->sets ? link_pending(r) : 0;
		pthread_mutex_unlock(&r->lock);
		/* nobody can commit what nobody can see, or refuses to */
		if (!left || !c->published || control_now() >= until)
			break;
		look_for_refusal(r);
		if (r->refused)
			break;
		ports_unmask(r);
		wait_events(r, CLOSING_MS);
	}
	if (c->published)
		store_state(c, 6);
	return left;
}

static void disconnect(struct acctring *r)
{
	struct conn *c = &r->conn;
	struct pages *p;

	pthread_mutex_lock(&r->dev);
	pthread_mutex_lock(&r->lock);
	while ((p = r->sets)) {
		r->sets = p->next;
		pages_free(p);
	}
	pthread_mutex_unlock(&r->lock);
	if (c->xs && c->slot >= 0)
		store_remove(c);
	if (c->xs)
		store_close(c);
	if (c->evtchn)
		xenevtchn_close(c->evtchn);
	if (c->gntshr)
		xengntshr_close(c->gntshr);
	slot_disconnect(c);
	c->evtchn = NULL;
	c->gntshr = NULL;
	pthread_mutex_unlock(&r->dev);
}

void *control_main(void *link)
{
	struct acctring *r = link;
	const struct conn *c = &r->conn;
	unsigned int ms = TICK_MS, wait_ms, most;
	uint64_t left;

	pthread_setname_np(pthread_self(), "acctring");
	try_connect(r);
	pthread_mutex_lock(&r->lock);
	r->tried = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	while (!closing(r, &wait_ms)) {
		wait_events(r, ms);
		check_accountant(r);
		try_connect(r);
		look_for_refusal(r);
		ports_unmask(r);
		most = idle_ms(r);
		ms = tick(r) || c->masked ? TICK_MS : ms * 2 < most ? ms * 2 : most;
	}
	tick(r);
	left = finish(r, wait_ms);
	disconnect(r);
	pthread_mutex_lock(&r->lock);
	r->left = left;
	r->gone = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}
