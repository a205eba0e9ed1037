/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/barrier.h"
#include "ring/link.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

/* ------------------------------------------------------------------ */
/* Pages                                                               */

/* What the fast path needs of the pages; `prod` is in them. */
static void lane_point(struct lane *l, const struct lane_pages *to)
{
	l->pub.prod = &to->page->prod;
	l->pub.ring = to->ring;
	l->pub.allowance = (const struct acctring_allowance *)to->kreply;
	/* the next post takes the slow path, which knows better */
	st_relaxed(&l->pub.stop, ld_relaxed(&to->page->prod));
}

/* Posts to these pages from position 0 on. */
static void lane_begin(struct lane *l, const struct lane_pages *to, unsigned int rows)
{
	spill_init(&l->spill, to->page, to->kreply, rows);
	lane_point(l, to);
	st_relaxed(&to->page->basis, ld_relaxed(&l->basis));
	st_release(&to->page->here, 1); /* H0 -> H1 */
}

void lane_bind(struct lane *l, const struct lane_pages *to, uint32_t slots, uint32_t payers,
	       unsigned int rows)
{
	l->slots = slots;
	l->payers = payers;
	l->pub.slots = slots;
	l->pub.mask = slots - 1;
	l->pub.payers = payers;
	lane_begin(l, to, rows);
}

static void copy_words(void *to, const void *from, size_t bytes)
{
	ring_word *t = to;
	const ring_word *f = from;
	size_t i;

	for (i = 0; i < bytes / sizeof(*t); i++)
		st_relaxed(&t[i], ld_relaxed(&f[i]));
}

/*
 * How far the old accountant had committed, for the next.  It is read here
 * and not before: what the thread has overwritten since is below it.  A lie
 * loses what is not committed: it is not billed twice.
 */
static uint32_t hand_over(const struct lane *l, const struct lane_pages *from,
			  const struct lane_pages *to)
{
	uint32_t prod = ld_relaxed(&from->page->prod), spilled = ld_relaxed(&from->page->spilled);
	uint32_t cons = ld_acquire(&from->kreply->cons), ack = ld_acquire(&from->kreply->ack);

	if (prod - cons > l->slots)
		cons = prod;
	if ((int32_t)(spilled - ack) < 0)
		ack = spilled;
	st_relaxed(&to->kreply->cons, cons);
	st_relaxed(&to->kreply->ack, ack);
	st_relaxed(&to->kreply->want, ld_relaxed(&from->kreply->want));
	st_relaxed(&to->kreply->want_ack, ld_relaxed(&from->kreply->want_ack));
	return cons;
}

/* Records that the accountant may still want, at their own slots. */
static void copy_ring(const struct lane *l, const struct lane_pages *from,
		      const struct lane_pages *to, uint32_t p)
{
	uint32_t prod = ld_relaxed(&from->page->prod);

	for (; p != prod; p++) {
		uint32_t i = p & l->pub.mask;

		copy_words(&to->ring[i], &from->ring[i], sizeof(*to->ring));
	}
}

void lane_copy(struct lane *l, const struct lane_pages *from, const struct lane_pages *to)
{
	struct acctring_lane_page *page = to->page;

	copy_ring(l, from, to, hand_over(l, from, to));
	copy_words(page->row, from->page->row, sizeof(page->row));
	st_relaxed(&page->spilled, ld_relaxed(&from->page->spilled));
	st_relaxed(&page->rows, ld_relaxed(&from->page->rows));
	st_relaxed(&page->overflowed, ld_relaxed(&from->page->overflowed));
	st_relaxed(&page->basis, ld_relaxed(&l->basis));
	st_relaxed(&page->cpu_at, ld_relaxed(&from->page->cpu_at));
	st_relaxed(&page->cpu_ns, ld_relaxed(&from->page->cpu_ns));
	st_relaxed(&page->prod, ld_relaxed(&from->page->prod));
	spill_rebind(&l->spill, page, to->kreply);
	lane_point(l, to);
	st_release(&page->here, 1); /* H0 -> H1 */
}

/*
 * Another epoch: what the old pages hold is the old accountant's matter, and
 * nothing of it may be told twice.
 */
static void lane_renew(struct lane *l, const struct lane_pages *from, const struct lane_pages *to)
{
	st_relaxed(&l->spilled_before, l->spilled_before + l->spill.spilled);
	st_relaxed(&to->page->overflowed, ld_relaxed(&from->page->overflowed));
	memset(l->pub.spent, 0, l->payers * sizeof(*l->pub.spent));
	lane_begin(l, to, l->spill.limit);
}

/* By way of the heirs: one may have a reader that waits for the lane. */
void lane_move(struct lane *l)
{
	struct pages *to = swap_acq_rel(&l->move, NULL);
	struct pages *from = ld_relaxed(&l->at), *next;
	unsigned int i = l->number;

	if (!to)
		return;
	for (; from != to; from = next) {
		next = from->heir;
		if (next) {
			lane_copy(l, &from->lane[i], &next->lane[i]);
		} else {
			next = to;
			lane_renew(l, &from->lane[i], &next->lane[i]);
		}
	}
	l->kpeer = to->kreply;
	st_release(&l->at, to); /* from here on the others may be given back */
}

static uint32_t dead_word;

void lane_kill(struct lane *l)
{
	l->dead = true;
	l->pub.prod = &dead_word;
	l->pub.slots = 0;
	l->pub.payers = 0;
	l->payers = 0;
}

/* ------------------------------------------------------------------ */
/* Counts and clocks, under the link's lock                            */

static struct lane_pages *lane_at(const struct lane *l)
{
	return &ld_acquire(&l->at)->lane[l->number];
}

static uint64_t clock_ns(clockid_t clock, bool *ok)
{
	struct timespec ts;

	*ok = !clock_gettime(clock, &ts);
	return *ok ? (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec : 0;
}

/* Since the lane was opened. */
static uint64_t lane_burned(struct lane *l)
{
	uint64_t now;
	bool ok;

	if (l->clock_given)
		return l->given_ns;
	if (!l->clock_ok)
		return 0;
	now = clock_ns(l->clock, &ok);
	l->clock_ok = ok;
	return ok && now > l->clock_at_open ? now - l->clock_at_open : 0;
}

void lane_publish_cpu(struct lane *l)
{
	const struct pages *set = ld_acquire(&l->at);
	struct acctring_lane_page *page = set->lane[l->number].page;
	uint64_t at = acctring_counter(&l->pub), burned = l->open ? lane_burned(l) : 0;

	if (l->cpu_epoch != set->epoch) { /* its accountant begins at 0 */
		l->cpu_base = l->cpu_ns;
		l->cpu_epoch = set->epoch;
	}
	/* an ended thread's clock may be another's by now: never back */
	if (burned <= UINT64_MAX - l->cpu_before && l->cpu_before + burned > l->cpu_ns)
		l->cpu_ns = l->cpu_before + burned;
	st_relaxed(&page->cpu_at, at);
	st_release(&page->cpu_ns, l->cpu_ns - l->cpu_base);
}

static void count_to(struct lane *l, const struct pages *p)
{
	uint32_t prod = ld_relaxed(&p->lane[l->number].page->prod);

	l->recorded += prod - l->prod_seen;
	l->prod_seen = prod;
}

void lane_count(struct lane *l)
{
	struct pages *at = ld_acquire(&l->at);

	if (l->counted && l->counted->epoch != at->epoch) {
		count_to(l, l->counted); /* its last posts there */
		l->prod_seen = 0;
	}
	l->counted = at;
	count_to(l, at);
	l->spilled = ld_relaxed(&l->spilled_before) + ld_relaxed(&l->spill.spilled);
}

uint64_t lane_pages_pending(const struct lane_pages *lp, uint32_t slots)
{
	uint32_t ring = ld_relaxed(&lp->page->prod) - ld_relaxed(&lp->kreply->cons);
	uint32_t rows = ld_relaxed(&lp->page->spilled) - ld_relaxed(&lp->kreply->ack);

	return (uint64_t)(ring < slots ? ring : slots) + rows;
}

uint64_t lane_pending(const struct lane *l)
{
	return lane_pages_pending(lane_at(l), l->slots);
}

/* ------------------------------------------------------------------ */
/* Open and close                                                      */

/* One that is closed, best of that basis: what it burned last may not have been read. */
static struct lane *lane_choose(struct acctring *r, uint32_t basis)
{
	struct lane *other = NULL;
	unsigned int i;

	for (i = 0; i < r->geo.lanes; i++) {
		struct lane *l = &r->lane[i];

		if (l->open)
			continue;
		if (l->basis == basis || !l->used)
			return l;
		if (!other)
			other = l;
	}
	return other;
}

static void lane_take(struct acctring *r, struct lane *l, uint32_t basis)
{
	l->clock_ok = !pthread_getcpuclockid(pthread_self(), &l->clock);
	if (l->clock_ok)
		l->clock_at_open = clock_ns(l->clock, &l->clock_ok);
	l->clock_given = false;
	l->open = true;
	l->used = true;
	st_relaxed(&l->basis, basis);
	st_relaxed(&lane_at(l)->page->basis, basis);
	eventfd_write(r->wake_fd, 1); /* its clock is told more often than none */
}

struct acctring_lane *acctring_lane_open_basis(struct acctring *r, unsigned int basis)
{
	struct lane *l;

	if (r->forked || basis > ACCTRING_BASIS_MODEL) {
		errno = r->forked ? EPIPE : EINVAL;
		return NULL;
	}
	pthread_mutex_lock(&r->lock);
	l = lane_choose(r, basis);
	if (l)
		lane_take(r, l, basis);
	pthread_mutex_unlock(&r->lock);
	if (!l) {
		errno = EBUSY;
		return NULL;
	}
	return &l->pub;
}

struct acctring_lane *acctring_lane_open(struct acctring *r)
{
	return acctring_lane_open_basis(r, ACCTRING_BASIS_THREAD);
}

int acctring_lane_clock(struct acctring_lane *pub, uint64_t ns)
{
	struct lane *l = (struct lane *)pub;

	if (l->dead)
		return -EPIPE;
	pthread_mutex_lock(&l->link->lock);
	l->clock_given = true;
	l->given_ns = ns;
	lane_publish_cpu(l);
	pthread_mutex_unlock(&l->link->lock);
	return 0;
}

void lane_shut(struct lane *l)
{
	lane_move(l);
	lane_publish_cpu(l);
	l->cpu_before = l->cpu_ns;
	l->open = false;
}

void acctring_lane_close(struct acctring_lane *pub)
{
	struct lane *l = (struct lane *)pub;
	struct acctring *r;

	if (!l || l->dead)
		return;
	r = l->link;
	pthread_mutex_lock(&r->lock);
	if (l->open)
		lane_shut(l);
	pthread_mutex_unlock(&r->lock);
}
