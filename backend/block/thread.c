/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of a disk: sleeps for events, serves bounded batches, sleeps
 * again.  The event stays masked while work is left, so a frontend's storm
 * of events is one event.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/block/vbd.h"

#define BATCH 8u /* requests answered together */
#define ASK_AGAIN_NS 1500000L /* of a guest without allowance; at most 2 ms */

/* Sleeps; returns false when the main thread wants the end. */
static bool sleep_for(struct vbd *v, bool events, const struct timespec *timeout, bool *event)
{
	struct pollfd fd[2] = {
		{ .fd = v->wake, .events = POLLIN },
		{ .fd = events ? xenevtchn_fd(v->xce) : -1, .events = POLLIN },
	};

	*event = false;
	if (ppoll(fd, 2, timeout, NULL) < 0)
		return errno == EINTR;
	*event = fd[1].revents;
	return !fd[0].revents;
}

/* A kick that brought nothing costs, too. */
static void post_event(struct vbd *v, struct acctring_span *span)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_EVENT };

	c.ns = acctring_span_end(v->lane, span);
	c.end = span->mark;
	bill_post(v->lane, &v->d->payer, &c);
}

/* Serves until the ring is empty; false: the end, or v->broken. */
static bool drain(struct vbd *v, bool *worked)
{
	static const struct timespec soon = { 0, ASK_AGAIN_NS }, now = { 0, 0 };
	unsigned int taken;
	bool event;

	for (;;) {
		enum served s = vbd_serve(v, BATCH, &taken);

		*worked |= taken > 0;
		switch (s) {
		case SERVED_ALL:
			return true;
		case SERVED_BROKEN:
			v->broken = "ring: request index out of range";
			return false;
		case SERVED_BLOCKED:
			*worked = true;
			if (!sleep_for(v, false, &soon, &event))
				return false;
			break;
		case SERVED_SOME:
			if (!sleep_for(v, false, &now, &event))
				return false;
			break;
		}
	}
}

/* Takes the event that poll announced; serves; unmasks. */
static bool take_event(struct vbd *v)
{
	struct acctring_span span;
	bool worked = false;
	xenevtchn_port_or_error_t port;

	acctring_span_begin(v->lane, &span);
	port = xenevtchn_pending(v->xce);
	if (port < 0)
		return errno == EAGAIN || errno == EINTR;
	v->event_at = span.mark;
	if (!drain(v, &worked))
		return false;
	if (!worked)
		post_event(v, &span);
	return !xenevtchn_unmask(v->xce, (evtchn_port_t)port);
}

static void serve_forever(struct vbd *v)
{
	bool event, worked = false;

	/* requests may stand there from before our port was bound */
	if (!drain(v, &worked))
		return;
	while (sleep_for(v, true, NULL, &event)) {
		if (event && !take_event(v)) {
			/* nobody reads this when it was the main thread's wish */
			if (!v->broken)
				v->broken = "event channel: lost";
			return;
		}
	}
}

void *vbd_thread(void *vbd)
{
	struct vbd *v = vbd;

	v->lane = acctring_lane_open(v->d->b->bill.link);
	if (v->lane) {
		serve_forever(v);
		acctring_lane_close(v->lane);
	} else {
		v->broken = errno == EBUSY ? "too many devices (option --devices)"
					   : "no accounting lane";
	}
	vbd_ended(v);
	return NULL;
}
