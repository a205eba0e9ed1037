/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * share.c - see share.h.
 */
#include "accountant/share.h"

#include "common/maxmin.h"

#include <stdlib.h>

#define LEAST 4 /* part of it that VMs have in any case, and who is limited of theirs */
#define SECOND 1000000000ull
#define SMOOTH_NS 100000000ull
#define WHOLE 1000000u
#define RATE_MAX (1ull << 44) /* 17592 CPUs */
#define ALL (1ull << 50) /* wanted by who is limited and spends all he may */
#define SLOW 4u /* the total moves by 1/SLOW of the error in SMOOTH_NS */

__extension__ typedef unsigned __int128 wide;

static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	wide x = (wide)a * b / c;

	return x > RATE_MAX ? RATE_MAX : (uint64_t)x;
}

static uint64_t smooth(uint64_t was, uint64_t is, uint64_t tick_ns)
{
	if (tick_ns >= SMOOTH_NS)
		return is;
	return was - scale(was, tick_ns, SMOOTH_NS) + scale(is, tick_ns, SMOOTH_NS);
}

/* Returns how many use it; *sum: the rate of all. */
static size_t look(struct share_vm *vm, size_t n, uint64_t tick_ns, uint64_t *sum)
{
	size_t users = 0;

	*sum = 0;
	for (size_t i = 0; i < n; i++) {
		struct share_vm *v = &vm[i];

		if (!v->known || v->charged < v->seen)
			v->seen = v->charged;
		v->known = true;
		v->use = smooth(v->use, scale(v->charged - v->seen, SECOND, tick_ns), tick_ns);
		v->seen = v->charged;
		*sum += v->use;
		users += v->use > SECOND / 10000; /* smoothing leaves a few ns for ever */
	}
	return users;
}

/*
 * The total that keeps the driver domain SHARE_BUSY.  Where others than VMs keep it busy there is
 * none: a quarter of what it can, can_ns a tick, stays.
 */
static void steer(struct share *s, size_t users, uint64_t sum, uint64_t can_ns, uint64_t tick_ns)
{
	uint64_t least = scale(can_ns, SECOND, tick_ns) / LEAST;
	uint64_t part = tick_ns < SMOOTH_NS ? tick_ns : SMOOTH_NS, step;

	if (users < 2 || !sum || s->busy < SHARE_REST) {
		s->total = 0;
		return;
	}
	if (!s->total) {
		s->total = s->busy > SHARE_BUSY ? sum : 0;
		return;
	}
	step = scale(s->total, part, SLOW * SMOOTH_NS);
	if (s->busy > SHARE_BUSY)
		s->total -= scale(step, s->busy - SHARE_BUSY, WHOLE);
	else if (sum > s->total - s->total / 8) /* they do spend what they may */
		s->total += scale(step, SHARE_BUSY - s->busy, WHOLE);
	if (s->total < least)
		s->total = least;
}

static bool divide(const struct share *s, struct share_vm *vm, size_t n)
{
	struct maxmin *m = calloc(n ? n : 1, sizeof(*m));
	uint64_t total = s->total, least = total / LEAST;

	if (!m)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool held = vm[i].rate && vm[i].use > vm[i].rate - vm[i].rate / 16;

		m[i].weight = vm[i].weight;
		m[i].want = held ? ALL : vm[i].use;
		if (!vm[i].weight) /* takes what it takes; the others have the rest */
			total -= vm[i].use < total ? vm[i].use : total;
	}
	if (total < least)
		total = least;
	maxmin(total, m, n);
	for (size_t i = 0; i < n; i++) {
		vm[i].rate = 0;
		if (vm[i].weight && m[i].part < m[i].want)
			vm[i].rate = m[i].part ? m[i].part : 1;
	}
	free(m);
	return true;
}

bool share_step(struct share *s, struct share_vm *vm, size_t n, uint64_t busy_ns, uint64_t can_ns,
		uint64_t tick_ns)
{
	uint64_t sum, busy;
	size_t users;

	if (!tick_ns || !can_ns)
		return true;
	busy = busy_ns < can_ns ? scale(busy_ns, WHOLE, can_ns) : WHOLE;
	s->busy = smooth(s->busy, busy, tick_ns);
	users = look(vm, n, tick_ns, &sum);
	steer(s, users, sum, can_ns, tick_ns);
	if (s->total)
		return divide(s, vm, n);
	for (size_t i = 0; i < n; i++)
		vm[i].rate = 0;
	return true;
}
