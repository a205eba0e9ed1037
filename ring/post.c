/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The slow path of posting: the ring is full, or seems to be; the cost does
 * not fit a record; the control thread asks for a move.  Wait-free all the
 * same: no lock, no system call, no allocation.
 */
#include "ring/barrier.h"
#include "ring/lane.h"

static bool cost_ok(const struct lane *l, const struct acctring_cost *c)
{
	return c->payer - ACCTRING_PAYER_HOLE < l->payers - ACCTRING_PAYER_HOLE &&
	       c->cause < l->payers && c->klass - 1u < ACCTRING_CLASSES - 1u;
}

static bool cost_fits(const struct acctring_cost *c)
{
	return !((c->ns | c->bytes) >> 32) && !(c->units >> 16);
}

static int post_slow(struct acctring_lane *pub, const struct acctring_cost *c)
{
	struct lane *l = (struct lane *)pub;
	uint32_t p, cons;

	if (l->dead)
		return -EPIPE;
	if (!cost_ok(l, c))
		return -EINVAL;
	if (ld_relaxed(&l->move))
		lane_move(l);

	pub->spent[c->payer] += c->ns;
	p = ld_relaxed(pub->prod);
	/* P0 -> C2: its loads of a slot are before our stores into it */
	cons = ld_acquire(&l->spill.kreply->cons);
	if (p - cons >= pub->slots) { /* full, or a lie */
		spill_post(&l->spill, c);
		return 0;
	}
	/* the control thread may store `stop` too: it repeats itself */
	st_relaxed(&pub->stop, cons + pub->slots);
	if (cost_fits(c))
		acctring__put(pub, p, c);
	else
		spill_post(&l->spill, c);
	return 0;
}

int acctring__post_slow(struct acctring_lane *l, uint64_t end, uint64_t ns, uint64_t bytes,
			uint64_t wait_units, uint64_t payer_cause_class_flags)
{
	const struct acctring_cost c = {
		.end = end,
		.ns = ns,
		.bytes = bytes,
		.wait = (uint32_t)wait_units,
		.units = (uint32_t)(wait_units >> 32),
		.payer = (uint16_t)payer_cause_class_flags,
		.cause = (uint16_t)(payer_cause_class_flags >> 16),
		.klass = (uint8_t)(payer_cause_class_flags >> 32),
		.flags = (uint8_t)(payer_cause_class_flags >> 40),
	};

	return post_slow(l, &c);
}

int acctring_post_fn(struct acctring_lane *l, const struct acctring_cost *c)
{
	return acctring_post(l, c);
}

/* ------------------------------------------------------------------ */

/*
 * Whoever lies in allowances, and renews them for ever: a payer that could spend
 * nothing for a second may spend again, until it has.
 */
static bool denied_long(const struct lane *l, unsigned int payer, uint64_t now)
{
	struct denial *d = &l->denied[payer];
	uint64_t spent = l->pub.spent[payer];

	if (!d->since || d->spent != spent) {
		d->since = now ? now : 1;
		d->spent = spent;
	}
	return now - d->since >= l->lease / 11 * 10; /* `lease` is 1.1 s */
}

bool acctring__admit_more_slow(const struct acctring_lane *pub, unsigned int payer,
			       uint64_t pending)
{
	const struct lane *l = (const struct lane *)pub;
	const struct acctring_allowance *ka = &pub->allowance[payer];
	uint64_t ns = ld_acquire(&ka->ns); /* L2 -> L1 */
	uint64_t now;

	if (ns - 1 >= pub->spent[payer] + pending)
		return true;
	now = acctring_counter(pub);
	/* past its end, or longer than a lease can be: open */
	if (ld_relaxed(&ka->until) - now - 1 >= l->lease)
		return true;
	return !ld_relaxed(&l->kpeer->alive) ||
	       (!pending && l->denied && denied_long(l, payer, now));
}

/* What backends that were built before acctring_admit_more() have inline. */
bool acctring__admit_slow(const struct acctring_lane *l, unsigned int payer);
bool acctring__admit_slow(const struct acctring_lane *l, unsigned int payer)
{
	return acctring__admit_more_slow(l, payer, 0);
}

bool acctring_admit_fn(const struct acctring_lane *l, unsigned int payer)
{
	return acctring_admit(l, payer);
}

bool acctring_admit_more_fn(const struct acctring_lane *l, unsigned int payer, uint64_t pending)
{
	return acctring_admit_more(l, payer, pending);
}
