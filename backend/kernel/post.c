/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Posts what was gathered.  Lanes say whose time it was, and their clocks,
 * which we give, how much.  What finds no room waits here and is posted
 * later: a spill row would do, but there are fewer of them than devices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/kernel/kernel.h"
#include "backend/process/process.h"
#include "common/clock.h"
#include "common/log.h"

#define ROWS_CAP 48u /* records of a lane that has no ring */

static void open_lane(struct kernel *k, unsigned int basis)
{
	struct acctring_lane *l = acctring_lane_open_basis(k->link, basis);

	if (!l)
		die(EXIT_ENV, "no lane: %s", strerror(errno));
	acctring_lane_clock(l, 0);
	k->lane[k->lanes++] = l;
}

void kernel_open_lanes(struct kernel *k, const unsigned int lanes[POURS])
{
	static const unsigned int basis[POURS] = {
		[POUR_DIRECT] = ACCTRING_BASIS_DIRECT,
		[POUR_POOL] = ACCTRING_BASIS_POOL,
		[POUR_MODEL] = ACCTRING_BASIS_MODEL,
	};

	k->lanes = 0;
	for (unsigned int p = 0; p < POURS; p++) {
		k->pour[p] = (struct pour){ .first = k->lanes, .lanes = lanes[p] };
		for (unsigned int i = 0; i < lanes[p]; i++)
			open_lane(k, basis[p]);
	}
	k->posted_at = now_ns();
	k->own_ns = 0;
}

uint64_t process_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* One record's worth of *c, out of it; false: no room. */
static bool take_piece(struct kernel *k, unsigned int to, struct kcost *c,
		       struct acctring_cost *piece, unsigned int *lane)
{
	struct pour *p = &k->pour[k->pour[to].lanes ? to : POUR_DIRECT];
	uint64_t ns;

	if (!pour(p, c->ns, lane, &ns))
		return false;
	*lane += p->first;
	piece->ns = ns;
	piece->units = c->units < UINT16_MAX ? (uint32_t)c->units : UINT16_MAX;
	piece->bytes = c->bytes < UINT32_MAX ? c->bytes : UINT32_MAX;
	c->ns -= piece->ns;
	c->units -= piece->units;
	c->bytes -= piece->bytes;
	return true;
}

/* The guard asks there: most of what a device costs is direct. */
static void note_lane(const struct kernel *k, struct kdev *d, unsigned int lane)
{
	bool direct = lane < k->pour[POUR_DIRECT].lanes;

	if (!direct && d->direct)
		return;
	d->posted = true;
	d->direct = direct;
	d->lane = lane;
}

/*
 * cause: a row, 0: nobody that is known.  d: the device for which it is, or NULL.  false:
 * some of it waits.
 */
static bool post_caused(struct kernel *k, unsigned int to, const struct payer *payer,
			unsigned int klass, struct kcost *c, uint16_t cause, struct kdev *d)
{
	struct acctring_cost piece = { .klass = (uint8_t)klass, .cause = cause };
	unsigned int lane;

	while (kcost_is_due(c)) {
		if (!take_piece(k, to, c, &piece, &lane))
			return false;
		piece.end = acctring_counter(k->lane[lane]);
		bill_post(k->lane[lane], payer, &piece);
		if (d)
			note_lane(k, d, lane);
	}
	return true;
}

static bool post_cost(struct kernel *k, const struct payer *payer, unsigned int klass,
		      struct kcost *c)
{
	return post_caused(k, POUR_DIRECT, payer, klass, c, 0, NULL);
}

static bool connect_device(struct kernel *k, struct kdev *d)
{
	return bill_connect(kernel_bill(k, d), &d->payer, d->pays, d->id);
}

/*
 * The part of *c that was a pool's, of all *pool_ns: a device's bill is by basis, and by class, not by
 * both.  d: as above.
 */
static bool post_pool(struct kernel *k, const struct payer *payer, unsigned int klass,
		      struct kcost *c, uint64_t *pool_ns, struct kdev *d)
{
	uint64_t ns = *pool_ns < c->ns ? *pool_ns : c->ns;
	struct kcost part = { .ns = ns };
	bool done;

	if (!ns)
		return true;
	if (ns == c->ns) /* all of it: counts need no record of their own */
		part = (struct kcost){ .units = c->units, .bytes = c->bytes, .ns = ns };
	c->units -= part.units;
	c->bytes -= part.bytes;
	c->ns -= ns;
	done = post_caused(k, POUR_POOL, payer, klass, &part, 0, d);
	*pool_ns -= ns - part.ns;
	kcost_move(c, &part);
	return done;
}

/* Of pools of workers; they say nothing of classes. */
static bool post_shared(struct kernel *k, struct kdev *d)
{
	bool done = true;

	for (unsigned int p = 0; p < POURS && done; p++) {
		struct kcost c = { .ns = d->shared_ns[p] };

		if (!c.ns)
			continue;
		done = connect_device(k, d) &&
		       post_caused(k, p, &d->payer, ACCTRING_CLASS_OTHER, &c, 0, d);
		d->shared_ns[p] = c.ns;
	}
	return done;
}

static bool post_device(struct kernel *k, struct kdev *d)
{
	unsigned int i;

	for (i = 1; i < ACCTRING_CLASSES; i++) {
		if (!kcost_is_due(&d->cost[i]))
			continue;
		if (!connect_device(k, d) ||
		    !post_pool(k, &d->payer, i, &d->cost[i], &d->pool_ns, d) ||
		    !post_caused(k, POUR_DIRECT, &d->payer, i, &d->cost[i], 0, d))
			return false;
	}
	d->pool_ns = 0;
	return post_shared(k, d);
}

/* Records of a lane that may be under way, for each of two periods. */
static unsigned int cap(const struct kernel *k)
{
	unsigned int slots = k->lane[0]->slots;

	return slots ? slots / 2 : ROWS_CAP;
}

/* Who waits comes first in the next period. */
static unsigned int post_devices(struct kernel *k)
{
	struct kdev *d, *next;
	unsigned int waiting = 0;

	for (d = LIST_FIRST(&k->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (post_device(k, d))
			continue;
		waiting++;
		LIST_REMOVE(d, link);
		LIST_INSERT_HEAD(&k->devices, d, link);
	}
	return waiting;
}

static bool post_pair(struct kernel *k, struct pair *p)
{
	return !kcost_is_due(&p->cost) ||
	       (connect_device(k, p->to) && connect_device(k, p->from) &&
		post_caused(k, POUR_POOL, &p->to->payer, ACCTRING_CLASS_RX, &p->cost,
			    p->from->payer.row, p->to));
}

/* They may be many: in turn, in the room that others have left. */
static unsigned int post_pairs(struct kernel *k)
{
	unsigned int left = k->pairs.n;
	struct pair *p;

	for (; left; left--) {
		p = TAILQ_FIRST(&k->pairs.turns);
		if (!post_pair(k, p))
			return left;
		TAILQ_REMOVE(&k->pairs.turns, p, turn);
		TAILQ_INSERT_TAIL(&k->pairs.turns, p, turn);
	}
	return 0;
}

static bool post_process(struct kernel *k, struct kproc *p)
{
	return !kcost_is_due(&p->cost) ||
	       (bill_connect(&k->bill[p->serves.kind], &p->payer, p->pays, p->serves.id) &&
		post_pool(k, &p->payer, ACCTRING_CLASS_OTHER, &p->cost, &p->pool_ns, NULL) &&
		post_cost(k, &p->payer, ACCTRING_CLASS_OTHER, &p->cost));
}

static unsigned int post_processes(struct kernel *k)
{
	struct kproc *p, *next;
	unsigned int waiting = 0;

	for (p = LIST_FIRST(&k->procs); p; p = next) {
		next = LIST_NEXT(p, link);
		if (!post_process(k, p))
			waiting++;
		else if (p->gone)
			kproc_free(k, p);
	}
	return waiting;
}

static void tell_clocks(struct kernel *k, const struct pour *p)
{
	unsigned int i;

	for (i = 0; i < p->lanes; i++)
		acctring_lane_clock(k->lane[p->first + i], p->clock[i]);
}

unsigned int kernel_post(struct kernel *k)
{
	struct acctring_stats stats = { .size = sizeof(stats) };
	uint64_t now = now_ns(), own = process_ns();
	unsigned int i, waiting;

	if (!k->level2) /* which has it, too */
		k->own.ns += own - k->own_ns;
	k->own_ns = own;
	acctring_stats(k->link, &stats);
	if (stats.pending > cap(k)) /* nobody reads: it adds up here */
		return 1;
	for (i = 0; i < POURS; i++)
		pour_begin(&k->pour[i], now - k->posted_at, cap(k));
	k->posted_at = now;
	post_cost(k, &k->payer, ACCTRING_CLASS_CONTROL, &k->own);
	post_cost(k, &k->payer, ACCTRING_CLASS_OTHER, &k->host);
	/* they are few, with a record each: devices do not wait long for them */
	waiting = post_processes(k);
	waiting += post_devices(k);
	waiting += post_pairs(k);
	kernel_drop_gone(k);
	/* after the posts, so that it is divided among all of them */
	for (i = 0; i < POURS; i++)
		tell_clocks(k, &k->pour[i]);
	return waiting;
}
