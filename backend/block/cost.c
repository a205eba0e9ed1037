/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What requests cost.  That is the CPU time of the queue's thread, all of it:
 * between two answers lies also what it took to sleep, to be woken and to
 * take the event.  The clock is dear, a system call, so it is read once in a
 * turn that has answered, and after what waits for the file.
 *
 * What was burned since is divided: to each request the cycles that were
 * counted for it, in ns; what is left (the event, the look at the ring, a
 * call for many together) was there for all, and each has the same of it.
 */
#include "backend/block/vbd.h"
#include "backend/cpu.h"

#define SHARE_SHIFT 20u /* what is divided is less than hours */

void cost_open(struct queue *q)
{
	q->clock = cpu_ns();
}

static uint64_t lap(struct queue *q)
{
	uint64_t before = q->clock;

	q->clock = cpu_ns();
	q->burned += q->clock - before;
	return q->clock - before;
}

void cost_skip(struct queue *q)
{
	q->mark = acctring_counter(q->lane);
}

uint64_t cost_spent(struct queue *q)
{
	uint64_t before = q->mark;

	q->mark = acctring_counter(q->lane);
	return q->mark - before;
}

void cost_worked(struct queue *q, struct slot *s, uint64_t cycles)
{
	s->cycles += cycles;
	q->cycles += cycles;
	if (s->worked)
		return;
	s->worked = true;
	s->next = q->working;
	q->working = s;
	q->workers++;
}

void cost_answered(struct queue *q, struct slot *s)
{
	cost_worked(q, s, 0);
	s->end = q->mark;
	s->answered = true;
	q->answered++;
}

/* What was posted and is not yet in the backend's books: of one class. */
struct unbooked {
	struct sums sums;
	uint8_t klass;
};

static void book(struct queue *q, struct unbooked *u, uint8_t next)
{
	u->sums.units = u->sums.posts;
	if (u->sums.posts)
		bill_book(&q->v->d->payer, u->klass, &u->sums);
	*u = (struct unbooked){ .klass = next };
}

/* The record of all that an answered request has cost; then it is free. */
static inline void bill(struct queue *q, struct slot *s, uint16_t row, struct unbooked *u)
{
	struct acctring_cost c = { .end = s->end,
				   .ns = s->ns,
				   .bytes = s->r.bytes,
				   .wait = s->wait,
				   .units = 1,
				   .payer = row,
				   .klass = s->r.klass,
				   .flags = s->flags };

	if (s->status != BLKIF_RSP_OKAY) {
		c.flags |= ACCTRING_F_FAILED;
		c.bytes = 0;
	}
	if (u->klass != c.klass)
		book(q, u, c.klass);
	if (!acctring_post(q->lane, &c)) {
		u->sums.posts++;
		u->sums.bytes += c.bytes;
		u->sums.ns += c.ns;
	}
	if (s->gauged)
		data_cost(q, s);
	q->pages -= s->r.segments;
	q->unposted--;
	admission_learn(&q->admission, s->ns);
	s->next = q->free;
	q->free = s;
}

/* What rounding leaves, less than a ns each, is nobody's. */
void cost_settle(struct queue *q)
{
	uint64_t ns = lap(q), own = acctring_ns(q->lane, q->cycles), mult = 0, each = 0;
	uint16_t row = q->v->d->payer.row;
	struct unbooked u = { .klass = 0 };
	struct slot *s;

	if (own > ns) /* the counter runs on while others have the processor */
		own = ns;
	if (q->cycles)
		mult = (own << SHARE_SHIFT) / q->cycles;
	if (q->workers)
		each = (ns - own) / q->workers;
	while ((s = q->working)) {
		q->working = s->next;
		s->ns += (s->cycles * mult >> SHARE_SHIFT) + each;
		s->data_ns += s->data_cycles * mult >> SHARE_SHIFT;
		s->cycles = s->data_cycles = 0;
		s->worked = false;
		if (s->answered)
			bill(q, s, row, &u);
	}
	q->cycles = 0;
	q->workers = q->answered = 0;
	book(q, &u, 0);
}

/* What was counted for others since the clock was read stays for them, to be settled. */
static uint64_t lap_but_counted(struct queue *q)
{
	uint64_t ns = lap(q), own = acctring_ns(q->lane, q->cycles), rest = own < ns ? own : ns;

	q->clock -= rest;
	q->burned -= rest;
	return ns - rest;
}

void cost_waited(struct queue *q, struct slot *s)
{
	s->ns += lap_but_counted(q);
	cost_skip(q);
}

void cost_idle_event(struct queue *q)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_EVENT };
	uint64_t ns = lap(q), own = acctring_ns(q->lane, q->cycles), rest;

	/* its part of what is nobody's own; the rest is for those in flight */
	c.ns = own < ns ? (ns - own) / (q->workers + 1) : 0;
	rest = ns - c.ns;
	q->clock -= rest;
	q->burned -= rest;
	c.end = acctring_counter(q->lane);
	bill_post(q->lane, &q->v->d->payer, &c);
}
