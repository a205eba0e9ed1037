/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of a queue: sleeps for events and for the file, serves bounded
 * batches, sleeps again.  The event stays masked while work is left, so a
 * frontend's storm of events is one event.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/block/vbd.h"

#define LOOK_TURNS 8u /* while there is work: turns between two looks whether it is the end */

/* Takes the event that poll announced; false: the channel is lost. */
static bool take_event(struct queue *q)
{
	uint64_t at = acctring_counter(q->lane);
	xenevtchn_port_or_error_t port = xenevtchn_pending(q->xce);

	if (port < 0)
		return errno == EAGAIN || errno == EINTR;
	q->masked = port;
	q->event_at = at;
	q->worked = false;
	return true;
}

/* The ring is empty: the next event may come. */
static bool let_event(struct queue *q)
{
	evtchn_port_t port = (evtchn_port_t)q->masked;

	if (q->masked < 0)
		return true;
	if (!q->worked)
		cost_idle_event(q);
	q->masked = -1;
	return !xenevtchn_unmask(q->xce, port);
}

/* Sleeps as long as there is nothing to do; false: the end, or q->broken. */
static bool sleep_after(struct queue *q, enum served s)
{
	const struct timespec again = {
		.tv_nsec = s == SERVED_BLOCKED ? admission_wait(&q->admission) * 1000000L : 0,
	};
	const struct timespec *timeout = s == SERVED_SOME || s == SERVED_BLOCKED ? &again : NULL;
	struct pollfd fd[3] = {
		{ .fd = q->v->wake, .events = POLLIN },
		{ .fd = s == SERVED_ALL ? xenevtchn_fd(q->xce) : -1, .events = POLLIN },
		{ .fd = q->aio.flying ? aio_fd(&q->aio) : -1, .events = POLLIN },
	};
	bool lost = s == SERVED_ALL && !let_event(q);
	int n;

	q->waited = false;
	n = lost ? 0 : ppoll(fd, 3, timeout, NULL);
	if (n < 0)
		return errno == EINTR;
	if (!n && s == SERVED_BLOCKED)
		admission_denied(&q->admission);
	if (!lost && fd[1].revents)
		lost = !take_event(q);
	if (lost)
		q->broken = "event channel: lost";
	return !lost && !fd[0].revents;
}

/* ---- whose turn it is ---- */

void queue_enter(struct queue *q)
{
	gate_enter(q->v->gate, &q->turn);
}

/* What was burned and what was counted since, but for what it was charged before. */
static uint64_t charge(struct queue *q)
{
	uint64_t due = q->burned + acctring_ns(q->lane, q->cycles);
	uint64_t more = due > q->charged ? due - q->charged : 0;

	q->charged += more;
	q->taken = 0;
	return more;
}

void queue_leave(struct queue *q)
{
	unsigned int n = q->taken;

	gate_leave(q->v->gate, &q->turn, n, charge(q));
}

void queue_again(struct queue *q)
{
	unsigned int n = q->taken;

	gate_again(q->v->gate, &q->turn, n, charge(q));
}

/* ---- its life ---- */

static void serve_forever(struct queue *q)
{
	unsigned int turns = 0;
	enum served s;
	bool go_on;

	q->masked = -1;
	queue_enter(q);
	/* requests may stand there from before our port was bound */
	for (;;) {
		s = queue_turn(q);
		if (s == SERVED_BROKEN) {
			q->broken = "ring: request index out of range";
			break;
		}
		if (s == SERVED_SOME) { /* it only looks, and does not sleep */
			if ((q->waited || ++turns % LOOK_TURNS == 0) && !sleep_after(q, s))
				break;
			queue_again(q);
			continue;
		}
		queue_leave(q);
		go_on = sleep_after(q, s);
		queue_enter(q);
		if (!go_on)
			break;
	}
	queue_leave(q);
}

void *queue_thread(void *queue)
{
	struct queue *q = queue;

	/* whatever it burns is this disk's */
	q->lane = acctring_lane_open_basis(q->v->d->b->bill.link, ACCTRING_BASIS_DIRECT);
	if (!q->lane) {
		q->broken = errno == EBUSY ? "too many devices (option --devices)"
					   : "no accounting lane";
	} else {
		if (queue_open(q))
			serve_forever(q);
		else
			q->broken = "no memory";
		queue_close(q);
		acctring_lane_close(q->lane);
	}
	queue_ended(q);
	return NULL;
}
