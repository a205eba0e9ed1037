/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/allow_impl.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define RENEW_MS 250u /* a lease */
#define ACTIVE_MS 1000u
#define FIND_MS 1000u
#define IDLE_MS 100u /* a lane on which nothing was spent so long */

struct allow *allow_new(void)
{
	return calloc(1, sizeof(struct allow));
}

void allow_free(struct allow *a)
{
	free(a);
}

void allow_again(struct worker *w)
{
	w->reshaped = true;
}

/* ------------------------------------------------------------------ */
/* The pages                                                           */

void allow_write(struct link *k, unsigned int lane, unsigned int row, uint64_t now_ms)
{
	struct lane_row *r = &k->lane[lane].row[row];
	uint64_t ns = guard_lower(r->allowed[0], r->allowed[1]);

	if (ns == r->written && (!ns || now_ms - r->written_ms < RENEW_MS))
		return;
	r->written = ns;
	r->written_ms = now_ms;
	acctring_reader_allow(k->reader, lane, row, ns, GUARD_LEASE_MS);
}

static struct lane_row *row_of(const struct spot *s)
{
	return &s->link->lane[s->lane].row[s->row];
}

/* As its lane counts it; what overflowed may be anybody's: nobody shall wait for it. */
static uint64_t spent(const struct spot *s)
{
	return sat_add(row_of(s)->spent, s->link->lane[s->lane].overflow_ns);
}

/*
 * Lanes on which nothing is spent.  A little, so that whoever begins on one begins at once;
 * from what it spends there we learn that it has.
 */
static void begin_lanes(struct guarded *g, uint64_t rate, uint64_t now_ms)
{
	unsigned int which = allow_which(g);

	for (unsigned int i = 0; i < g->row.n; i++) {
		struct spot at = g->row.at[i];
		struct link *k = at.link;
		uint64_t first =
			g->guard.level > 0 ? rate / 1000 * GUARD_BURST_MS / 4 / k->e.lanes : 0;

		for (at.lane = 0; at.lane < k->e.lanes; at.lane++) {
			struct lane *l = &k->lane[at.lane];
			struct lane_row *r;

			if (!rate && !l->row)
				continue;
			if (!lane_known(k, at.lane) || !lane_ready(k, l)) {
				g->open += !k->never_asks;
				continue;
			}
			r = &l->row[at.row];
			if (r->listed >> which & 1)
				continue;
			if (!(r->met >> which & 1)) { /* what it spent before is no claim of now */
				r->met |= (uint8_t)(1u << which);
				r->idle[which] = spent(&at);
			}
			at.moved_ms = now_ms;
			if (spent(&at) != r->idle[which] && allow_add_lane(g, &at))
				continue;
			r->allowed[which] = rate ? r->idle[which] + first + !r->idle[which] : 0;
			allow_write(k, at.lane, at.row, now_ms);
		}
	}
}

/* ------------------------------------------------------------------ */
/* A tick                                                              */

static uint64_t charged(const struct guarded *g)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < g->accounts; i++)
		sum += g->account[i]->book.charged_ns;
	return sum;
}

/*
 * What a lane was given is not taken back, but from one that spends nothing: it would keep all
 * that there is from the VM's other lanes.
 */
static bool rests(struct guarded *g, unsigned int i, uint64_t now_ms)
{
	struct lane_row *r = row_of(&g->spot[i]);
	unsigned int which = allow_which(g);

	if (now_ms - g->spot[i].moved_ms < IDLE_MS || g->lane[i].allowed <= g->lane[i].spent)
		return false;
	r->listed &= (uint8_t) ~(1u << which);
	r->idle[which] = g->lane[i].spent;
	return true;
}

static void read_lanes(struct guarded *g, uint64_t now_ms)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < g->lanes; i++) {
		struct spot *s = &g->spot[i];
		uint64_t before = g->lane[i].spent;

		g->lane[i].spent = spent(s);
		if (g->lane[i].spent != before)
			g->moved_ms = s->moved_ms = now_ms;
		if (rests(g, i, now_ms))
			continue;
		g->spot[n] = *s;
		g->lane[n++] = g->lane[i];
	}
	g->lanes = n;
}

/* All that it pays, on whatever lane. */
static void read_paid(struct guarded *g)
{
	g->paid = 0;
	for (unsigned int i = 0; i < g->row.n; i++) {
		const struct spot *at = &g->row.at[i];

		for (unsigned int l = 0; l < at->link->e.lanes; l++)
			if (at->link->lane[l].row)
				g->paid += at->link->lane[l].row[at->row].paid;
	}
}

/* ns in a second; 0: none */
static uint64_t rate_of(const struct guarded *g, uint64_t now_ms)
{
	uint64_t limit = now_ms < g->owed_until_ms ? guard_lower(g->limit, g->owed) : g->limit;

	return g->domain ? guard_lower(limit, g->share.rate) : limit;
}

static void step(struct guarded *g, uint64_t tick_ns, uint64_t now_ms)
{
	uint64_t rate = rate_of(g, now_ms);
	unsigned int which = allow_which(g);
	struct guard_lane none = { .known = true };

	g->open = g->deaf = 0;
	read_lanes(g, now_ms);
	begin_lanes(g, rate, now_ms);
	for (unsigned int i = 0; i < g->lanes; i++) {
		g->lane[i].spent = spent(&g->spot[i]); /* of new ones, too */
		g->deaf += g->spot[i].link->never_asks;
	}
	/* without a lane, too: who connects anew does not begin anew */
	if (!guard_step(&g->guard, rate, charged(g), g->lanes ? g->lane : &none,
			g->lanes ? g->lanes : 1, tick_ns))
		return;
	for (unsigned int i = 0; i < g->lanes; i++)
		row_of(&g->spot[i])->allowed[which] = g->lane[i].allowed;
}

/* Past the head of a page, which names nobody. */
static unsigned int next_row(unsigned int row)
{
	return row % ACCTRING_PAYERS_PER_PAGE ? row : row + ACCTRING_PAYER_HOLE;
}

/* Rows that a backend opens have numbers one after the other. */
static bool new_rows(struct link *k, uint64_t now_ms)
{
	struct acctring_payer_row is;
	unsigned int row = k->rows_seen ? k->rows_seen : ACCTRING_PAYER_OWN + 1;

	if (row >= k->npayers || acctring_reader_payer(k->reader, row, &is) ||
	    !budget_rows(&k->domain->budget, now_ms))
		return false;
	while (row < k->npayers && !acctring_reader_payer(k->reader, row, &is))
		row = next_row(row + 1);
	k->rows_seen = row;
	return true;
}

/* Rows that are closed fire nothing: nobody is told for long of such as are no more. */
static bool is_old(const struct allow *a, uint64_t now_ms)
{
	const struct guarded *g;

	for (g = a->first; g && !g->never; g = g->next)
		;
	return g && now_ms - a->found_ms >= FIND_MS;
}

static void look(struct worker *w)
{
	uint64_t now = now_ms();

	w->reshaped |= is_old(w->allow, now);
	for (struct link *k = w->links; k; k = k->next)
		if (k->reader && k->state <= LINK_ATTACHED)
			w->reshaped |= new_rows(k, now);
	if (w->reshaped) {
		allow_find(w);
		w->allow->found_ms = now;
	}
	w->reshaped = false;
}

void allow_let_go(const struct guarded *g, const struct spot *row, uint64_t now_ms)
{
	struct link *k = row->link;
	unsigned int which = allow_which(g);

	for (unsigned int lane = 0; lane < k->e.lanes; lane++) {
		struct lane_row *r = k->lane[lane].row;

		if (!r)
			continue;
		r += row->row;
		r->allowed[which] = 0;
		r->listed &= (uint8_t) ~(1u << which);
		r->met &= (uint8_t) ~(1u << which);
		allow_write(k, lane, row->row, now_ms);
	}
}

/* What was known of a VM that has no row any more where limits act: it begins anew there. */
static void begin_anew(struct guarded *g)
{
	memset(&g->guard, 0, sizeof(g->guard));
	memset(&g->share, 0, sizeof(g->share));
	g->open = g->deaf = 0;
}

void allow_tick(struct worker *w)
{
	struct allow *a = w->allow;
	uint64_t now = now_ms(), at = now_ns(), tick = at - a->ticked_ns;

	a->ticked_ns = at;
	if (!a->first && !allow_wanted(w))
		return;
	look(w);
	if (w->share) {
		for (struct guarded *g = a->first; g; g = g->next)
			read_paid(g);
		allow_share(w, tick);
	}
	for (struct guarded *g = a->first; g; g = g->next)
		if (allow_active(g))
			step(g, tick, now);
		else
			begin_anew(g);
	for (const struct guarded *g = a->first; g; g = g->next)
		for (unsigned int i = 0; i < g->lanes; i++)
			allow_write(g->spot[i].link, g->spot[i].lane, g->spot[i].row, now);
}

bool allow_hurry(const struct worker *w)
{
	uint64_t now = now_ms();

	for (const struct guarded *g = w->allow->first; g; g = g->next)
		if (rate_of(g, now) && now - g->moved_ms < ACTIVE_MS)
			return true;
	return false;
}
