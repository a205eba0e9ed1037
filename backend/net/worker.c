/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread: sleeps for events, for TAPs and for what others have for it, then
 * serves one queue after the other, a batch each.  An event stays masked while
 * its queue has work, so a frontend's storm of events is one event.
 */
#include "backend/net/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/net/net.h"
#include "common/clock.h"
#include "common/log.h"

#define EVENTS_TURN 64u /* events taken before queues are served */
#define SERVICES_TURN 16u /* services before events are looked for */
#define QUANTUM_NS 100000u
#define SERVICES_GUEST 2u /* of one guest, before the next one's */
#define FRAME_PLACE (sizeof(struct frame) + FRAME_MAX + 63u) / 64u * 64u

struct frame *worker_frame(struct worker *w, unsigned int i)
{
	return (struct frame *)(void *)(w->arena + i * (FRAME_PLACE));
}

static bool is_broken(const struct queue *q)
{
	return __atomic_load_n(&q->v->broken, __ATOMIC_RELAXED);
}

/* ---- events ---- */

/* Each event's taking is its guest's; it is billed with what it brings. */
static void take_events(struct worker *w)
{
	struct queue *got[EVENTS_TURN], *q;
	xenevtchn_port_or_error_t port;
	unsigned int n = 0, i;
	uint64_t ns, at;

	while (n < EVENTS_TURN) {
		port = xenevtchn_pending(w->xce);
		if (port < 0)
			break;
		q = (unsigned int)port < w->ports ? w->port[port] : NULL;
		if (!q) /* of a device that has just gone */
			continue;
		at = acctring_counter(w->lane);
		for (i = 0; i < PORTS; i++)
			q->masked[i] |= q->port[i] == (evtchn_port_t)port;
		q->event = true;
		q->event_at = at;
		got[n++] = q;
		queue_ready(q);
	}
	ns = meter_settle(&w->meter, 0);
	for (i = 0; i < n; i++)
		got[i]->idle += ns / n;
}

static void unmask(struct queue *q)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++) {
		if (q->masked[i] && (!i || q->port[i] != q->port[0]))
			xenevtchn_unmask(q->w->xce, q->port[i]);
		q->masked[i] = false;
	}
	q->event_at = 0;
}

/* Nothing came of it: an event of its guest's; or a look that goes with the next. */
static void bill_idle(struct queue *q, uint64_t ns)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_EVENT };
	struct worker *w = q->w;

	q->idle += ns;
	if (!q->event || q->again || q->later)
		return;
	q->event = false;
	c.ns = q->idle;
	c.end = w->meter.mark;
	q->idle = 0;
	bill_post(w->lane, vif_payer(q->v), &c);
}

/* Who may not spend all that it wants, spends it in both directions by turns. */
static void serve_both(struct queue *q)
{
	if (!is_broken(q) && !q->rx_first)
		queue_transmit(q);
	if (!is_broken(q))
		queue_receive(q);
	if (!is_broken(q) && q->rx_first)
		queue_transmit(q);
	q->rx_first ^= q->denied;
}

/* One batch each way.  Returns what it has cost. */
static uint64_t serve(struct queue *q)
{
	struct meter *m = &q->w->meter;
	unsigned int brought;
	uint64_t ns;

	q->again = q->later = q->denied = false;
	meter_lap(m);
	serve_both(q);
	if (!q->again && !q->later && !is_broken(q))
		unmask(q);
	brought = m->n;
	ns = meter_settle(m, q->idle);
	if (brought) {
		admission_learn(&q->admission, ns / brought);
		admission_served(&q->admission);
		q->idle = 0;
		q->event = false;
	} else {
		bill_idle(q, ns);
	}
	return ns;
}

/* True: there is more. */
static bool serve_some(struct worker *w)
{
	struct drr_flow *d = NULL;
	struct queue *q;
	struct flow *f;
	unsigned int i;

	for (i = 0; i < SERVICES_TURN && (d = drr_next(&w->drr)); i++) {
		f = (struct flow *)d;
		q = TAILQ_FIRST(&f->ready);
		TAILQ_REMOVE(&f->ready, q, link);
		q->list = QUEUE_IDLE;
		drr_charge(d, serve(q));
		if (q->again)
			queue_ready(q);
		else if (q->later)
			queue_later(q);
		if (TAILQ_EMPTY(&f->ready))
			drr_sleep(&w->drr, d);
	}
	return drr_next(&w->drr);
}

/* ---- the thread ---- */

static int sleep_ms(const struct worker *w, bool more)
{
	uint64_t now;

	if (more)
		return 0;
	if (TAILQ_EMPTY(&w->later))
		return -1;
	now = now_ms();
	return now < w->later_at ? (int)(w->later_at - now) : 0;
}

/* False: the end. */
static bool turn(struct worker *w, bool *more)
{
	struct epoll_event e[EVENTS_TURN];
	int n = epoll_wait(w->epoll, e, EVENTS_TURN, sleep_ms(w, *more)), i;
	bool events = false, pokes = false;
	eventfd_t ignored;

	/* waiting burned nothing; what polling did, who is served first pays */
	for (i = 0; i < n; i++) {
		if (e[i].data.ptr == w) {
			pokes = true;
		} else if (e[i].data.ptr == &w->xce) {
			events = true;
		} else {
			struct queue *q = e[i].data.ptr;

			q->tap_ready = true;
			queue_ready(q);
		}
	}
	/* after that queues may be gone */
	if (pokes) {
		eventfd_read(w->wake, &ignored);
		worker_pokes(w);
	}
	if (events)
		take_events(w);
	worker_later(w);
	*more = serve_some(w);
	return !__atomic_load_n(&w->ending, __ATOMIC_ACQUIRE);
}

struct starting {
	struct worker *w;
	sem_t done;
	int error;
};

static void *run(void *arg)
{
	struct starting *s = arg;
	struct worker *w = s->w;
	bool more = false;

	w->lane = acctring_lane_open(w->net->b->bill.link);
	s->error = w->lane ? 0 : -errno;
	sem_post(&s->done); /* s is gone then */
	if (!w->lane)
		return NULL;
	meter_begin(&w->meter, w->lane);
	while (turn(w, &more))
		;
	acctring_lane_close(w->lane);
	return NULL;
}

static int watch(struct worker *w, int fd, void *ptr)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = ptr };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int open_all(struct worker *w)
{
	int fl, r;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->xgt = xengnttab_open(NULL, 0);
	w->xce = xenevtchn_open(NULL, 0);
	w->arena = aligned_alloc(64, TX_BATCH * (FRAME_PLACE));
	if (w->epoll < 0 || w->wake < 0 || !w->xgt || !w->xce || !w->arena)
		return -errno;
	fl = fcntl(xenevtchn_fd(w->xce), F_GETFL);
	if (fl < 0 || fcntl(xenevtchn_fd(w->xce), F_SETFL, fl | O_NONBLOCK) < 0)
		return -errno;
	r = watch(w, w->wake, w);
	return r ? r : watch(w, xenevtchn_fd(w->xce), &w->xce);
}

int worker_start(struct worker *w, struct net *net)
{
	struct starting s = { .w = w };
	int r;

	w->net = net;
	w->epoll = w->wake = -1;
	pthread_mutex_init(&w->lock, NULL);
	STAILQ_INIT(&w->pokes);
	LIST_INIT(&w->flows);
	TAILQ_INIT(&w->later);
	drr_init(&w->drr, QUANTUM_NS, SERVICES_GUEST);
	r = open_all(w);
	if (r)
		return r;
	sem_init(&s.done, 0, 0);
	/* signals are blocked in the main thread, so in these, too */
	r = -pthread_create(&w->thread, NULL, run, &s);
	if (!r) {
		w->running = true;
		while (sem_wait(&s.done))
			;
		r = s.error;
	}
	sem_destroy(&s.done);
	return r;
}

void worker_stop(struct worker *w)
{
	if (w->running) {
		__atomic_store_n(&w->ending, true, __ATOMIC_RELEASE);
		eventfd_write(w->wake, 1);
		pthread_join(w->thread, NULL);
	}
	if (w->xce)
		xenevtchn_close(w->xce);
	if (w->xgt)
		xengnttab_close(w->xgt);
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->wake >= 0)
		close(w->wake);
	free(w->port);
	free(w->arena);
	pthread_mutex_destroy(&w->lock);
}
