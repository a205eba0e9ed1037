/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A queue: requests from the ring into flight, answers out of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/block/vbd.h"
#include "common/log.h"
#include "common/names.h"

#define TURN 32u /* weight of what is taken in a turn, and again of what is answered */
#define WAITED 3u /* weight of having waited for the file */
#define FLIES 1 /* no answer yet */

bool queue_open(struct queue *q)
{
	unsigned int i, n = q->ring.size < SLOTS ? q->ring.size : SLOTS;
	const struct file *f = &q->v->file;
	const struct device *d = q->v->d;
	int r;

	gate_turn_init(&q->turn, q->v->guest);
	q->slots = calloc(n, sizeof(*q->slots));
	if (!q->slots || !data_open(q))
		return false;
	for (i = n; i--;) {
		q->slots[i].next = q->free;
		q->free = &q->slots[i];
	}
	r = aio_open(&q->aio, n);
	if (r)
		log_debug("disk %u/%u queue %u: io_uring is refused (%s): reads and writes wait",
			  d->domid, d->id, q->id, strerror(-r));
	else if (f->direct >= 0)
		log_debug("disk %u/%u queue %u: io_uring, O_DIRECT by %u bytes", d->domid, d->id,
			  q->id, f->sector);
	else
		log_debug("disk %u/%u queue %u: io_uring, through the page cache", d->domid, d->id,
			  q->id);
	memset(q->waits, r != 0, sizeof(q->waits));
	cost_open(q);
	return true;
}

static void give_back(struct queue *q, struct slot *s)
{
	uint64_t n;

	data_put(q, s);
	if (s->copied)
		return;
	n = cost_spent(q); /* to unmap is dear */
	s->data_cycles += n;
	cost_worked(q, s, n);
}

static void answer(struct queue *q, struct slot *s, int16_t status)
{
	s->status = status;
	s->gauged = s->held;
	if (s->held)
		give_back(q, s);
	ring_answer(&q->ring, s->r.id, s->r.op, s->status);
	cost_answered(q, s);
}

/* The file has: the operator is told, once a connection, and of a flush what comes of it. */
static int16_t failed(struct queue *q, const struct slot *s, int error)
{
	struct vbd *v = q->v;

	if (s->r.op == BLKIF_OP_FLUSH_DISKCACHE) {
		if (!__atomic_exchange_n(&v->disk.lost, true, __ATOMIC_RELAXED))
			log_error("disk %u/%u: a flush failed: %s: it takes no more writes until "
				  "it is connected anew",
				  v->d->domid, v->d->id, strerror(-error));
	} else if (!__atomic_exchange_n(&v->told, true, __ATOMIC_RELAXED)) {
		char what[NAME_TEXT];

		log_error("disk %u/%u: %s of %llu bytes at %llu: %s: an error for the guest; "
			  "further ones are not told",
			  v->d->domid, v->d->id, class_name(s->r.klass, what),
			  (unsigned long long)s->r.bytes, (unsigned long long)s->r.offset,
			  strerror(-error));
	}
	return BLKIF_RSP_ERROR;
}

/* All that waits for the file; from where the transfer stopped short, s->t.bytes is left. */
static int16_t wait_for_file(struct queue *q, struct slot *s)
{
	int r;

	if (s->r.op == BLKIF_OP_FLUSH_DISKCACHE)
		r = flush_file(&q->v->flushes, q->id, q->v->file.fd);
	else if (s->r.op == BLKIF_OP_DISCARD)
		r = file_discard(&q->v->file, s->r.offset, s->r.bytes);
	else
		r = aio_wait_for(&s->t, s->r.bytes - s->t.bytes);
	if (r == -EOPNOTSUPP && s->r.op == BLKIF_OP_DISCARD)
		return BLKIF_RSP_EOPNOTSUPP;
	return r ? failed(q, s, r) : BLKIF_RSP_OKAY;
}

/* From the copy to the pages. */
static int16_t prepare(struct queue *q, struct slot *s)
{
	struct disk disk = vbd_disk(q->v);
	union blk_entry copy;
	struct ask ask;
	uint64_t wait, seen_at = ring_take(&q->ring, &copy);
	int16_t status;

	wait = acctring_ns(q->lane, q->mark - seen_at);
	s->wait = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
	ask_decode(q->ring.abi, &copy, &ask);
	status = check_request(&ask, &disk, &s->r);
	if (status == BLKIF_RSP_OKAY && s->r.pages)
		status = data_indirect(q, s);
	if (status == BLKIF_RSP_OKAY && s->r.segments)
		status = data_get(q, s);
	return status;
}

/* By this a turn is bounded: a request of one page is 1, of 256 it is a turn. */
static void weigh(struct queue *q, const struct slot *s)
{
	q->weight += 1u + s->r.segments / 8u;
}

static bool is_over(const struct queue *q)
{
	return q->weight >= TURN;
}

/* What is queued, in one call. */
static void submit(struct queue *q)
{
	if (!q->aio.queued)
		return;
	aio_submit(&q->aio);
	cost_skip(q);
}

/*
 * The file does it while we wait; what was put before goes on meanwhile.
 * The counter runs on, the CPU clock does not.
 */
static int16_t wait_now(struct queue *q, struct slot *s)
{
	int16_t status;

	q->weight += WAITED;
	submit(q);
	queue_leave(q);
	status = wait_for_file(q, s);
	queue_enter(q);
	q->waited = true;
	cost_waited(q, s);
	return status;
}

/* If it is due; what was put before goes on meanwhile. */
static void touch(struct queue *q)
{
	if (!file_due(&q->v->file))
		return;
	submit(q);
	queue_leave(q);
	file_touch(&q->v->file);
	queue_enter(q);
	cost_skip(q);
	q->waited = true;
}

static bool *waits(struct queue *q, const struct slot *s)
{
	return &q->waits[s->t.fd == q->v->file.direct][s->t.write];
}

/* A write is put when nothing is due that would have it put twice; that is looked at once a turn. */
static void put(struct queue *q, struct slot *s)
{
	if (s->t.write && !q->touched) {
		touch(q);
		q->touched = true;
	}
	aio_put(&q->aio, &s->t);
}

static void copy_now(struct queue *q);

/* In line for the next copy: which makes room first. */
static void line_up(struct queue *q, struct slot *s)
{
	if (!data_room(q))
		copy_now(q);
	data_line_up(q, s);
}

/* The file has done its part.  What was not read whole would be what another request left there. */
static void finish(struct queue *q, struct slot *s, int16_t status)
{
	if (status == BLKIF_RSP_OKAY && data_waits(s, true))
		line_up(q, s);
	else
		answer(q, s, status);
}

/* It has what it needs, or never will. */
static void start(struct queue *q, struct slot *s, int16_t status)
{
	if (status != BLKIF_RSP_OKAY)
		answer(q, s, status);
	else if (s->held && !*waits(q, s))
		put(q, s);
	else
		finish(q, s, wait_now(q, s));
}

/* The hypervisor copies for all that wait for it; they go on. */
static void copy_now(struct queue *q)
{
	unsigned int n = q->segments;
	struct slot *first, *s, *next;
	uint64_t each;

	if (!n)
		return;
	cost_skip(q);
	first = data_copy(q);
	each = cost_spent(q) / n;
	for (s = first; s; s = s->after) {
		s->data_cycles += each * s->r.segments;
		cost_worked(q, s, each * s->r.segments);
	}
	for (s = first; s; s = next) {
		next = s->after;
		if (s->t.write)
			start(q, s, s->status);
		else
			answer(q, s, s->status);
	}
}

static void take_one(struct queue *q, uint8_t flags)
{
	struct slot *s = q->free;
	int16_t status;

	q->free = s->next;
	q->taken++;
	q->unposted++;
	s->flags = flags;
	s->again = s->answered = s->held = false;
	s->ns = s->data_ns = 0;
	status = prepare(q, s);
	q->pages += s->r.segments;
	weigh(q, s);
	s->data_cycles = cost_spent(q);
	cost_worked(q, s, s->data_cycles);
	if (data_waits(s, false))
		line_up(q, s);
	else
		start(q, s, status);
}

/* How a transfer ended: bytes, or -errno.  FLIES: it is put again. */
static int16_t landed(struct queue *q, struct slot *s, int result)
{
	if (result == (int64_t)s->r.bytes)
		return BLKIF_RSP_OKAY;
	if (result == -EAGAIN && s->t.write && !s->again && !q->v->file.block) {
		/* a tick has come since it was put, or somebody had the file's lock */
		touch(q);
		s->again = true;
		aio_put(&q->aio, &s->t);
		return FLIES;
	}
	if (result == -EOPNOTSUPP)
		*waits(q, s) = true; /* it cannot say when it would wait */
	else if (result < 0 && result != -EAGAIN && result != -EINTR)
		return failed(q, s, result);
	if (result > 0)
		s->t.bytes -= (uint64_t)result;
	return wait_now(q, s);
}

/* Answers what is done; true: there may be more. */
static bool reap(struct queue *q)
{
	struct slot *s;
	int16_t status;
	int result;
	bool more;

	cost_skip(q);
	q->weight = 0;
	while (!is_over(q) && (s = aio_take(&q->aio, &result))) {
		weigh(q, s);
		status = landed(q, s, result);
		if (status != FLIES)
			finish(q, s, status);
		q->worked = true;
	}
	more = is_over(q) && q->aio.flying;
	copy_now(q);
	submit(q);
	return more;
}

static void push(struct queue *q)
{
	if (ring_push(&q->ring))
		xenevtchn_notify(q->xce, q->port);
}

void queue_close(struct queue *q)
{
	if (q->slots) {
		while (q->aio.flying + q->aio.queued) {
			submit(q);
			aio_wait(&q->aio);
			queue_enter(q);
			reap(q);
			cost_settle(q);
			queue_leave(q);
		}
		push(q);
	}
	aio_close(&q->aio);
	data_close(q);
	free(q->slots);
	q->slots = q->free = NULL;
	log_debug("disk %u/%u queue %u: in line, while others were served %llu requests at most",
		  q->v->d->domid, q->v->d->id, q->id, (unsigned long long)q->turn.most);
	gate_turn_end(&q->turn);
}

static bool full(const struct queue *q)
{
	return !q->free || q->pages + SEGMENTS > FLYING_PAGES;
}

/* May its guest spend more? */
static bool admitted(const struct queue *q, uint64_t pending)
{
	return acctring_admit_more(q->lane, q->v->d->payer.row, pending);
}

/* Takes requests; `there`: those in the ring.  Returns how many it left. */
static int take(struct queue *q, int there, bool *blocked)
{
	/* most have no limit: they are asked once */
	bool free = admitted(q, ADMISSION_ANY);
	unsigned int n;

	q->weight = 0;
	for (n = 0; there && !is_over(q) && !full(q); n++, there--) {
		*blocked = !free && !admitted(q, admission_pending(&q->admission, q->unposted));
		if (*blocked)
			break;
		take_one(q, n ? 0 : ACCTRING_F_FIRST);
	}
	if (n)
		admission_served(&q->admission);
	q->worked |= n || *blocked;
	copy_now(q);
	submit(q);
	return there;
}

enum served queue_turn(struct queue *q)
{
	uint64_t now = acctring_counter(q->lane);
	bool blocked = false, posted, more;
	/* what a later look finds came after the event */
	int there = ring_look(&q->ring, q->event_at ? q->event_at : now);

	if (there < 0)
		return SERVED_BROKEN;
	q->event_at = 0;
	q->touched = false;
	q->mark = now;
	there = take(q, there, &blocked);
	more = reap(q);
	/* posted before the guest sees it: a kill between the two loses an answer, not a bill */
	posted = q->answered;
	if (posted)
		cost_settle(q);
	push(q);
	if (blocked) /* by what was not posted then */
		return posted ? SERVED_SOME : SERVED_BLOCKED;
	if (!there)
		there = ring_look_last(&q->ring, acctring_counter(q->lane));
	if (there < 0)
		return SERVED_BROKEN;
	if (more || q->aio.queued) /* queued: the kernel had no room */
		return SERVED_SOME;
	return !there ? SERVED_ALL : full(q) ? SERVED_FULL : SERVED_SOME;
}
