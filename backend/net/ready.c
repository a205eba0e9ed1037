/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queues of a worker: how they come and go, and which of them have work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "backend/net/net.h"
#include "common/clock.h"

#define NO_BUFFERS_MS 1u /* a guest that gives some without telling is looked at so often */

/* ---- what others want ---- */

void queue_poke(struct queue *q, enum want want)
{
	struct worker *w = q->w;
	bool wake = false;

	pthread_mutex_lock(&w->lock);
	if (want != WANT_NOTHING)
		q->want = want;
	if (!q->poked) {
		wake = STAILQ_EMPTY(&w->pokes);
		STAILQ_INSERT_TAIL(&w->pokes, q, poke);
		q->poked = true;
	}
	pthread_mutex_unlock(&w->lock);
	if (wake)
		eventfd_write(w->wake, 1);
}

static struct queue *take_poke(struct worker *w, enum want *want)
{
	struct queue *q;

	pthread_mutex_lock(&w->lock);
	q = STAILQ_FIRST(&w->pokes);
	if (q) {
		STAILQ_REMOVE_HEAD(&w->pokes, poke);
		q->poked = false;
		*want = q->want;
		q->want = WANT_NOTHING;
	}
	pthread_mutex_unlock(&w->lock);
	return q;
}

/* ---- who has work ---- */

static void take_off(struct queue *q)
{
	struct worker *w = q->w;

	if (q->list == QUEUE_READY) {
		TAILQ_REMOVE(&q->flow->ready, q, link);
		if (TAILQ_EMPTY(&q->flow->ready))
			drr_sleep(&w->drr, &q->flow->drr);
	} else if (q->list == QUEUE_LATER) {
		TAILQ_REMOVE(&w->later, q, link);
	}
	q->list = QUEUE_IDLE;
}

void queue_ready(struct queue *q)
{
	if (!q->flow || q->list != QUEUE_IDLE)
		return;
	TAILQ_INSERT_TAIL(&q->flow->ready, q, link);
	q->list = QUEUE_READY;
	drr_wake(&q->w->drr, &q->flow->drr);
}

void queue_later(struct queue *q)
{
	struct worker *w = q->w;

	if (q->list != QUEUE_IDLE)
		return;
	q->due_ms = now_ms() + (q->denied ? admission_wait(&q->admission) : NO_BUFFERS_MS);
	if (q->denied)
		admission_denied(&q->admission);
	if (TAILQ_EMPTY(&w->later) || q->due_ms < w->later_at)
		w->later_at = q->due_ms;
	TAILQ_INSERT_TAIL(&w->later, q, link);
	q->list = QUEUE_LATER;
}

void worker_later(struct worker *w)
{
	uint64_t now = TAILQ_EMPTY(&w->later) ? 0 : now_ms(), next = UINT64_MAX;
	struct queue *q, *after;

	if (now < w->later_at)
		return;
	for (q = TAILQ_FIRST(&w->later); q; q = after) {
		after = TAILQ_NEXT(q, link);
		if (q->due_ms <= now) {
			take_off(q);
			queue_ready(q);
		} else if (q->due_ms < next) {
			next = q->due_ms;
		}
	}
	w->later_at = next;
}

/* ---- queues come and go ---- */

static struct flow *get_flow(struct worker *w, unsigned int domid)
{
	struct flow *f;

	LIST_FOREACH(f, &w->flows, link)
		if (f->domid == domid)
			return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	drr_flow_init(&f->drr);
	TAILQ_INIT(&f->ready);
	f->domid = domid;
	LIST_INSERT_HEAD(&w->flows, f, link);
	return f;
}

static bool know_port(struct worker *w, struct queue *q, evtchn_port_t port)
{
	unsigned int n = w->ports ? w->ports : 64;
	struct queue **more;

	while (n <= port)
		n *= 2;
	if (n != w->ports) {
		more = realloc(w->port, n * sizeof(*more));
		if (!more)
			return false;
		memset(more + w->ports, 0, (n - w->ports) * sizeof(*more));
		w->port = more;
		w->ports = n;
	}
	w->port[port] = q;
	return true;
}

static void enter(struct queue *q)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.ptr = q };
	struct worker *w = q->w;
	unsigned int i;

	q->flow = get_flow(w, q->v->d->domid);
	for (i = 0; q->flow && i < PORTS; i++) {
		if (!know_port(w, q, q->port[i]))
			break;
		/* its event may have come before we knew whose it is */
		q->masked[i] = true;
	}
	if (!q->flow || i < PORTS ||
	    (q->tap >= 0 && epoll_ctl(w->epoll, EPOLL_CTL_ADD, q->tap, &e)))
		queue_broke(q, "no memory");
	if (q->flow)
		q->flow->queues++;
	q->tap_ready = q->tap >= 0;
	queue_ready(q); /* frames may stand there from before */
}

/* Not for ever: then nothing of it is with us any more. */
static void leave(struct queue *q)
{
	struct worker *w = q->w;
	unsigned int i;

	take_off(q);
	for (i = 0; i < PORTS; i++)
		if (q->port[i] < w->ports && w->port[q->port[i]] == q)
			w->port[q->port[i]] = NULL;
	if (q->tap >= 0 && q->flow)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, q->tap, NULL);
	queue_flush(q); /* the switch has none for it any more */
	if (q->flow && !--q->flow->queues) {
		LIST_REMOVE(q->flow, link);
		free(q->flow);
	}
	q->flow = NULL;
	__atomic_store_n(&q->left, true, __ATOMIC_RELEASE);
	eventfd_write(w->net->b->fd, 1);
}

void queue_broke(struct queue *q, const char *why)
{
	const char *none = NULL;

	q->again = q->later = false;
	if (__atomic_compare_exchange_n(&q->v->broken, &none, why, false, __ATOMIC_RELEASE,
					__ATOMIC_RELAXED))
		eventfd_write(q->w->net->b->fd, 1);
}

void worker_pokes(struct worker *w)
{
	struct queue *q;
	enum want want;

	while ((q = take_poke(w, &want))) {
		if (want == WANT_LEFT)
			leave(q);
		else if (want == WANT_SERVED)
			enter(q);
		else
			queue_ready(q);
	}
}
