/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * weights.c - see weights.h.
 */
#include "collector/weights.h"

#include "common/maxmin.h"

#include <stdlib.h>

#define WHOLE 1000000000ll /* parts of a weight */
#define ALONE_NS 1000000000u /* as long as contention is looked at */
#define ALONE_PART 10 /* of what all used: VMs that rest want no more than that together */

__extension__ typedef unsigned __int128 wide;

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What it used; at most what VMs can: the sums below must fit. */
static uint64_t used(const struct weights_vm *v, uint64_t window_ns)
{
	uint64_t most = 16 * (uint64_t)BALANCE_CPUS * window_ns;

	return min_u64(v->own_ns, most) + min_u64(v->cost_ns, most);
}

/*
 * What would be of use to it: what it used, as often as that goes into the window without the
 * time that it waited; at most all its vCPUs.  One that rests, and waits for a moment when it
 * wakes, so wants little more than it has.
 */
static uint64_t wanted(const struct weights_vm *v, uint64_t window_ns)
{
	uint64_t use = used(v, window_ns), could, want;

	if (!v->waits)
		return use;
	could = min_u64(v->vcpus, BALANCE_CPUS) * window_ns + use - min_u64(v->own_ns, use);
	want = v->waits < 1000 ? (uint64_t)((wide)use * 1000 / (1000 - v->waits)) : could;
	want = min_u64(want, could);
	return want > use ? want : use;
}

bool weights_share(struct weights_vm *vm, size_t n, uint64_t window_ns)
{
	struct maxmin *m = calloc(n ? n : 1, sizeof(*m));
	uint64_t all = 0;

	if (!m)
		return false;
	window_ns = min_u64(window_ns, BALANCE_WINDOW_MAX_NS);
	for (size_t i = 0; i < n; i++) {
		m[i].weight = vm[i].share ? vm[i].share : vm[i].weight;
		m[i].want = wanted(&vm[i], window_ns);
		all += used(&vm[i], window_ns);
	}
	maxmin(all, m, n);
	for (size_t i = 0; i < n; i++) {
		vm[i].share_ns = m[i].part;
		vm[i].want_ns = m[i].want;
	}
	free(m);
	return true;
}

/* u/E of its weight, in WHOLEs. */
static uint64_t reduced(const struct weights_vm *v)
{
	uint64_t whole = (uint64_t)v->weight * WHOLE;

	if (v->alone || v->balance.entitled <= 0 || v->balance.rate >= v->balance.entitled)
		return whole;
	return (uint64_t)((wide)whole * (uint64_t)v->balance.rate / (uint64_t)v->balance.entitled);
}

static void write_weights(struct weights_vm *vm, size_t n)
{
	wide all = 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		all += (uint64_t)vm[i].weight * WHOLE;
		kept += reduced(&vm[i]);
	}
	for (size_t i = 0; i < n; i++) {
		/* kept: no u is below E/10, or below the floor that was configured */
		int64_t want = kept ? (int64_t)(reduced(&vm[i]) * all / kept) : 0;
		int64_t w;

		if (kept == all)
			vm[i].carry = 0; /* nobody owes: exactly what was set */
		want += vm[i].carry;
		w = want / WHOLE;
		w = w < 1 ? 1 : w > WEIGHT_MAX ? WEIGHT_MAX : w;
		vm[i].carry = want - w * WHOLE;
		if (vm[i].carry > WHOLE || vm[i].carry < -WHOLE)
			vm[i].carry = 0;
		vm[i].write = (unsigned int)w;
	}
}

/*
 * What it has more than its part, nobody misses: others want next to nothing.  That they have what
 * they want says nothing, for they may have it of our weights.
 */
static void find_alone(struct weights_vm *vm, size_t n, uint64_t window_ns)
{
	uint64_t all = 0, want = 0, most;

	for (size_t i = 0; i < n; i++) {
		all += used(&vm[i], window_ns);
		want += vm[i].want_ns; /* of CPUs that are there: it fits */
	}
	/* in a large pool, too, no more than that of a CPU each */
	most = min_u64(all, (n - 1) * window_ns);
	for (size_t i = 0; i < n; i++) {
		/* who rests for a window is not alone */
		vm[i].alone_ns =
			want - vm[i].want_ns <= most / ALONE_PART ? vm[i].alone_ns + window_ns : 0;
		vm[i].alone = vm[i].alone_ns >= ALONE_NS;
	}
}

bool weights_step(const struct balance_params *p, const struct contention *c, struct weights_vm *vm,
		  size_t n, uint64_t window_ns)
{
	window_ns = min_u64(window_ns, BALANCE_WINDOW_MAX_NS);
	if (!weights_share(vm, n, window_ns))
		return false;
	find_alone(vm, n, window_ns);
	for (size_t i = 0; i < n; i++) {
		struct balance_window w = {
			.vcpus = vm[i].vcpus,
			.window_ns = window_ns,
			.own_ns = vm[i].own_ns,
			.cost_ns = vm[i].cost_ns,
			.collecting = c->collecting,
			.halve = c->halve,
		};

		if (window_ns)
			w.entitled = (uint64_t)((wide)vm[i].share_ns * BALANCE_CPU / window_ns);
		if (!vm[i].alone || !c->collecting)
			balance_step(p, &vm[i].balance, &w, &vm[i].is);
		else
			vm[i].is.limit = 0;
	}
	write_weights(vm, n);
	return true;
}
