/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A queue: requests from the ring into flight, answers out of it, and a
 * record of what each has cost from the copy to the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/block/vbd.h"
#include "backend/cpu.h"
#include "common/log.h"
#include "common/names.h"

#define BATCH 32u /* requests taken in one turn */
#define WAITED 4u /* so many are one that was waited for */
#define FLIES 1 /* no answer yet */
#define SHARE_SHIFT 20u /* a turn of less than hours */

bool queue_open(struct queue *q)
{
	unsigned int i, n = q->ring.size < SLOTS ? q->ring.size : SLOTS;
	const struct file *f = &q->v->file;
	const struct device *d = q->v->d;
	int r;

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
	return true;
}

/*
 * What requests cost is the thread's CPU time.  That clock is dear, a system
 * call, so it is read at the beginning and at the end of a turn, and around
 * what may wait; what was burned between is divided among the requests by the
 * cycle counter.
 */
static void start_clock(struct queue *q)
{
	if (q->clock)
		return;
	q->clock = cpu_ns();
	q->mark = acctring_counter(q->lane);
}

static uint64_t lap(struct queue *q)
{
	uint64_t before = q->clock;

	q->clock = cpu_ns();
	return q->clock - before;
}

static uint64_t spent(struct queue *q)
{
	uint64_t before = q->mark;

	q->mark = acctring_counter(q->lane);
	return q->mark - before;
}

static void worked(struct queue *q, struct slot *s, uint64_t n)
{
	s->cycles += n;
	if (s->worked)
		return;
	s->worked = true;
	s->next = q->working;
	q->working = s;
}

/* The record of all that an answered request has cost. */
static void bill(struct queue *q, struct slot *s)
{
	struct acctring_cost c = { .end = s->end,
				   .ns = s->ns,
				   .bytes = s->status == BLKIF_RSP_OKAY ? s->r.bytes : 0,
				   .wait = s->wait,
				   .units = 1,
				   .klass = s->r.klass,
				   .flags = s->flags };

	if (s->gauged)
		data_cost(q, s);
	if (s->status != BLKIF_RSP_OKAY)
		c.flags |= ACCTRING_F_FAILED;
	bill_post(q->lane, &q->v->d->payer, &c);
	q->pages -= s->r.segments;
	s->next = q->free;
	q->free = s;
}

/*
 * What was burned since the clock was last read, to those that worked.  What
 * rounding leaves, less than a ns each, is nobody's.
 */
static void settle(struct queue *q)
{
	uint64_t ns = lap(q), cycles = 0, mult;
	struct slot *s;

	for (s = q->working; s; s = s->next)
		cycles += s->cycles;
	mult = cycles ? (ns << SHARE_SHIFT) / cycles : 0;
	while ((s = q->working)) {
		q->working = s->next;
		s->ns += s->cycles * mult >> SHARE_SHIFT;
		s->data_ns += s->data_cycles * mult >> SHARE_SHIFT;
		s->cycles = s->data_cycles = 0;
		s->worked = false;
		if (s->answered)
			bill(q, s);
	}
}

static void answer(struct queue *q, struct slot *s, int16_t status)
{
	uint64_t n;

	s->status = status;
	s->gauged = s->held;
	if (s->held)
		s->status = data_put(q, s);
	ring_answer(&q->ring, s->r.id, s->r.op, s->status);
	n = spent(q);
	s->data_cycles += s->gauged ? n : 0;
	worked(q, s, n);
	s->end = q->mark;
	s->answered = true;
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
		r = fdatasync(q->v->file.fd) ? -errno : 0;
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

	wait = acctring_ns(q->lane, acctring_counter(q->lane) - seen_at);
	s->wait = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
	ask_decode(q->ring.abi, &copy, &ask);
	status = check_request(&ask, &disk, &s->r);
	if (status == BLKIF_RSP_OKAY && s->r.pages)
		status = data_indirect(q, s);
	if (status == BLKIF_RSP_OKAY && s->r.segments)
		status = data_get(q, s);
	return status;
}

/* What is queued; of a call for n requests together each gets its share. */
static void submit(struct queue *q)
{
	unsigned int n = q->aio.queued, i;
	uint64_t all;

	if (!n)
		return;
	start_clock(q);
	aio_submit(&q->aio);
	all = spent(q);
	n -= q->aio.queued;
	for (i = 0; i < n; i++)
		worked(q, q->queued[i], all / n);
	memmove(q->queued, q->queued + n, q->aio.queued * sizeof(q->queued[0]));
}

/*
 * The file does it while we wait; what was put before goes on meanwhile.
 * The counter runs on, the CPU clock does not.
 */
static int16_t wait_now(struct queue *q, struct slot *s)
{
	int16_t status;

	submit(q);
	settle(q);
	status = wait_for_file(q, s);
	s->ns += lap(q);
	spent(q);
	return status;
}

static void fly(struct queue *q, struct slot *s)
{
	q->queued[q->aio.queued] = s;
	aio_put(&q->aio, &s->t);
}

static bool *waits(struct queue *q, const struct slot *s)
{
	return &q->waits[s->t.fd == q->v->file.direct][s->t.write];
}

/* Returns what it is of a batch. */
static unsigned int take_one(struct queue *q, uint8_t flags)
{
	struct slot *s = q->free;
	int16_t status;
	uint64_t n;

	q->free = s->next;
	s->flags = flags;
	s->again = s->answered = false;
	s->ns = s->data_ns = 0;
	status = prepare(q, s);
	n = spent(q);
	s->data_cycles = n;
	worked(q, s, n);
	q->pages += s->r.segments;
	if (status == BLKIF_RSP_OKAY && s->held && !*waits(q, s)) {
		fly(q, s);
		return 1;
	}
	answer(q, s, status == BLKIF_RSP_OKAY ? wait_now(q, s) : status);
	return WAITED;
}

/* How a transfer ended: bytes, or -errno.  FLIES: it is put again. */
static int16_t landed(struct queue *q, struct slot *s, int result)
{
	if (result == (int64_t)s->r.bytes)
		return BLKIF_RSP_OKAY;
	if (result == -EAGAIN && s->t.write && !s->again && file_touch(&q->v->file)) {
		s->again = true;
		fly(q, s);
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

/* Answers what is done. */
static void reap(struct queue *q)
{
	struct slot *s;
	int16_t status;
	int result;

	while ((s = aio_take(&q->aio, &result))) {
		start_clock(q);
		status = landed(q, s, result);
		if (status != FLIES)
			answer(q, s, status);
		q->worked = true;
	}
	submit(q);
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
			q->clock = 0;
			submit(q);
			aio_wait(&q->aio);
			reap(q);
			settle(q);
		}
		push(q);
	}
	aio_close(&q->aio);
	data_close(q);
	free(q->slots);
	q->slots = q->free = NULL;
}

/* What a later look finds came after the event. */
static uint64_t seen_at(struct queue *q)
{
	uint64_t at = q->event_at;

	q->event_at = 0;
	return at ? at : acctring_counter(q->lane);
}

static bool full(const struct queue *q)
{
	return !q->free || q->pages + SEGMENTS > FLYING_PAGES;
}

enum served queue_turn(struct queue *q)
{
	unsigned int n = 0;
	bool blocked = false;
	int there = ring_look(&q->ring, seen_at(q));

	if (there < 0)
		return SERVED_BROKEN;
	q->clock = 0;
	for (; there && n < BATCH && !full(q); there--) {
		blocked = !acctring_admit(q->lane, q->v->d->payer.row);
		if (blocked)
			break;
		start_clock(q);
		n += take_one(q, n ? 0 : ACCTRING_F_FIRST);
	}
	q->worked |= n || blocked;
	submit(q);
	reap(q);
	push(q);
	if (q->clock)
		settle(q);
	if (blocked)
		return SERVED_BLOCKED;
	if (!there)
		there = ring_look_last(&q->ring, acctring_counter(q->lane));
	if (there < 0)
		return SERVED_BROKEN;
	if (q->aio.queued) /* the kernel had no room */
		return SERVED_SOME;
	return !there ? SERVED_ALL : full(q) ? SERVED_FULL : SERVED_SOME;
}

void queue_idle_event(struct queue *q)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_EVENT };
	struct acctring_span span = { .mark = q->event_from };

	c.ns = acctring_span_end(q->lane, &span);
	c.end = span.mark;
	bill_post(q->lane, &q->v->d->payer, &c);
}
