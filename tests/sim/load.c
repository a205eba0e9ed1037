/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.c - requests, and the backend that serves them: as acctring's backends do, it asks
 * for the allowance before it takes a request off a ring, serves, posts.
 */
#include "tests/sim/world.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define POLL 32 /* requests of a poll at most */
#define RETRY MS /* a denied ring is looked at again */
#define QUEUE 256
#define CHUNK 256 /* requests, of memory */

/* A request on its way. */
struct wander {
	struct job job; /* first; its `next` also chains the spare ones */
	struct stream *st;
	unsigned int hop, lane;
	uint64_t born, came, ns; /* came: to this lane */
};

struct chunk {
	struct chunk *next;
	struct wander request[CHUNK];
};

struct world *world_of(struct sim *s)
{
	return (struct world *)((char *)s - offsetof(struct world, sim));
}

static void go_on(struct sim *s, struct wander *r);

/* ------------------------------------------------------------------ */
/* The backend                                                         */

/* The poll's fixed cost is owed in equal parts by those that it served. */
static void poll_ends(struct driver *d, struct lane *l)
{
	struct payer_part *who[ROWS];
	unsigned int k = 0;

	for (unsigned int r = 0; r < ROWS; r++)
		if (l->waiting >> r & 1)
			who[k++] = &l->part[r];
	if (k)
		partition_batch(who, k);
	for (unsigned int r = 0; r < ROWS; r++)
		if (l->waiting >> r & 1)
			d->truth[r] += d->batch_ns / k;
	l->polled = l->waiting = 0;
}

static bool admitted(const struct driver *d, const struct lane *l, unsigned int lane,
		     unsigned int row)
{
	uint64_t allowed = d->guarded[row][lane].allowed;

	return allowed - 1 >= l->spent[row]; /* as acctring_admit: of one request at a time */
}

static void look_again(struct sim *s, void *arg)
{
	struct vcpu *v = arg;
	struct driver *d = v->dom->arg;

	d->lane[v->nth].retry = false;
	sim_wake(s, v);
}

static struct wander *take(struct lane *l, unsigned int row)
{
	struct wander *r = (struct wander *)l->queue[row];

	l->queue[row] = r->job.next;
	if (!l->queue[row])
		l->tail[row] = &l->queue[row];
	l->queued[row]--;
	return r;
}

/* The row whose turn it is, of those that are not denied; ROWS: none. */
static unsigned int next_row(const struct driver *d, const struct lane *l, unsigned int lane,
			     bool *denied)
{
	unsigned int best = ROWS;

	for (unsigned int i = 0; i < ROWS; i++) {
		unsigned int row = (l->turn + i) % ROWS;

		if (!l->queued[row])
			continue;
		if (!admitted(d, l, lane, row)) {
			*denied = true;
			continue;
		}
		if (!d->fifo)
			return row;
		if (best == ROWS || ((struct wander *)l->queue[row])->came <
					    ((struct wander *)l->queue[best])->came)
			best = row;
	}
	return best;
}

struct job *driver_fetch(struct sim *s, struct vcpu *v)
{
	struct driver *d = v->dom->arg;
	struct lane *l = &d->lane[v->nth];
	struct wander *r;
	bool denied = false;
	unsigned int row;

	if (l->polled == POLL)
		poll_ends(d, l);
	row = next_row(d, l, v->nth, &denied);
	if (row < ROWS) {
		l->turn = row + 1;
		r = take(l, row);
		r->job.left_ns = r->ns + (l->polled ? 0 : d->batch_ns);
		l->polled++;
		l->waiting |= 1u << row;
		return &r->job;
	}
	if (l->polled)
		poll_ends(d, l);
	if (denied && !l->retry) {
		l->retry = true;
		sim_at(s, s->now + RETRY, look_again, v);
	}
	return NULL;
}

static void posted(struct sim *s, struct job *j)
{
	struct wander *r = (struct wander *)j;
	const struct hop *h = &r->st->hop[r->hop];
	struct driver *d = &world_of(s)->driver[h->node];
	struct lane *l = &d->lane[r->lane];

	l->spent[h->payer] += r->ns;
	l->part[h->payer].span_ns += r->ns;
	d->truth[h->payer] += r->ns;
	r->hop++;
	go_on(s, r);
}

static bool to_driver(struct sim *s, struct wander *r, const struct hop *h)
{
	struct driver *d = &world_of(s)->driver[h->node];
	unsigned int lane = r->st->turn++ % d->dom->vcpus;
	struct lane *l;

	while (r->st->lanes && !(r->st->lanes >> lane & 1))
		lane = (lane + 1) % d->dom->vcpus;
	l = &d->lane[lane];
	if (l->queued[h->payer] >= (r->st->limit ? r->st->limit : QUEUE))
		return false;
	r->lane = lane;
	r->came = s->now;
	r->job.done = posted;
	r->job.next = NULL;
	*l->tail[h->payer] = &r->job;
	l->tail[h->payer] = &r->job.next;
	l->queued[h->payer]++;
	sim_wake(s, &d->dom->vcpu[lane]);
	return true;
}

/* ------------------------------------------------------------------ */
/* Guests                                                              */

static void worked(struct sim *s, struct job *j)
{
	struct wander *r = (struct wander *)j;

	r->hop++;
	go_on(s, r);
}

static bool to_guest(struct sim *s, struct wander *r, const struct hop *h)
{
	struct dom *d = &s->dom[h->node];
	struct vcpu *v = &d->vcpu[0];

	for (unsigned int i = 1; i < d->vcpus; i++)
		if (d->vcpu[i].queued < v->queued)
			v = &d->vcpu[i];
	if (v->queued >= (r->st->limit ? r->st->limit : QUEUE))
		return false;
	r->job.left_ns = r->ns;
	r->job.done = worked;
	sim_work(s, v, &r->job);
	return true;
}

/* ------------------------------------------------------------------ */
/* Streams                                                             */

static void spare(struct world *w, struct wander *r)
{
	r->job.next = (struct job *)w->spare;
	w->spare = r;
}

static void begin(struct sim *s, struct wander *r)
{
	r->born = s->now;
	r->hop = 0;
	go_on(s, r);
}

static void anew(struct sim *s, void *arg)
{
	begin(s, arg);
}

static void ends(struct sim *s, struct wander *r)
{
	struct stream *st = r->st;
	uint64_t at = s->now;

	if (!st->inflight || (st->until && at >= st->until)) {
		spare(world_of(s), r);
		return;
	}
	if (st->on && at % (st->on + st->off) >= st->on)
		at += st->on + st->off - at % (st->on + st->off);
	if (at > s->now)
		sim_at(s, at, anew, r);
	else
		begin(s, r);
}

static void done(struct sim *s, struct wander *r)
{
	double us = (double)(s->now - r->born) / US;
	int bucket = us > 1 ? (int)(16 * log2(us)) : 0;
	uint64_t sample = s->now / SAMPLE;

	r->st->done++;
	r->st->latency[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	if (sample < SAMPLES)
		r->st->done_at[sample]++;
	ends(s, r);
}

static void drop(struct sim *s, struct wander *r)
{
	r->st->dropped++;
	if (r->st->inflight)
		sim_at(s, s->now + RETRY, anew, r); /* a retry, later */
	else
		spare(world_of(s), r);
}

static void go_on(struct sim *s, struct wander *r)
{
	const struct hop *h = &r->st->hop[r->hop];

	if (r->hop == r->st->hops) {
		done(s, r);
		return;
	}
	r->ns = h->ns;
	if (r->st->vary)
		r->ns = sim_rnd(s) & 1 ? 2 * h->ns - h->ns / 50 : h->ns / 50;
	if (!(h->driver ? to_driver(s, r, h) : to_guest(s, r, h)))
		drop(s, r);
}

static struct wander *make(struct world *w, struct stream *st)
{
	struct chunk *c;
	struct wander *r;

	if (!w->spare) {
		c = calloc(1, sizeof(*c));
		if (!c)
			abort();
		c->next = w->chunk;
		w->chunk = c;
		for (unsigned int i = 0; i < CHUNK; i++)
			spare(w, &c->request[i]);
	}
	r = w->spare;
	w->spare = (struct wander *)r->job.next;
	*r = (struct wander){ .st = st };
	return r;
}

void load_free(struct world *w)
{
	struct chunk *c;

	while ((c = w->chunk)) {
		w->chunk = c->next;
		free(c);
	}
	w->spare = NULL;
}

static void arrive(struct sim *s, void *arg)
{
	struct stream *st = arg;

	if (st->until && s->now >= st->until)
		return;
	begin(s, make(world_of(s), st));
	sim_at(s, s->now + sim_exponential(s, (uint64_t)((double)SECOND / st->rate)), arrive, st);
}

void stream_begin(struct world *w, struct stream *st)
{
	if (!st->inflight) {
		sim_at(&w->sim, st->from, arrive, st);
		return;
	}
	/* not all at the same moment */
	for (unsigned int i = 0; i < st->inflight; i++)
		sim_at(&w->sim, st->from + i * 100 * US, anew, make(w, st));
}

struct stream request(const char *name, unsigned int vm, unsigned int driver, uint64_t before,
		      uint64_t own, uint64_t after)
{
	struct stream st = { .name = name };

	if (before)
		st.hop[st.hops++] = (struct hop){ true, driver, vm, before };
	if (own)
		st.hop[st.hops++] = (struct hop){ false, vm, 0, own };
	if (after)
		st.hop[st.hops++] = (struct hop){ true, driver, vm, after };
	return st;
}
