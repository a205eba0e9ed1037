/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * allow_share.c - fair shares of a driver domain that is busy (share.h), as limits for
 * guard.h.  How busy our own domain is the hypervisor tells at each tick; of others dom0 tells
 * their CPU once a second, and how many vCPUs they have is not known: one is assumed.
 */
#include "accountant/allow_impl.h"
#include "common/divide.h"

#include <stdlib.h>

/* It ran, or wanted to, so long; and could. */
static void busy(struct worker *w, struct domain *d, uint64_t tick_ns, uint64_t *ran, uint64_t *can)
{
	uint64_t ns, told = d->s.measured_ns;
	unsigned int vcpus;

	*ran = 0;
	*can = tick_ns;
	if (d->domid == w->domid && w->own_from == OWN_CPU_HYPERCALL &&
	    measure_wanted(w->measure, &ns, &vcpus)) {
		*ran = d->busy.wanted_ns && ns > d->busy.wanted_ns ? ns - d->busy.wanted_ns : 0;
		*can = vcpus * tick_ns;
		d->busy.wanted_ns = ns;
		return;
	}
	d->busy.since_ns += tick_ns;
	if (told != d->busy.told_ns) {
		d->busy.rate = d->busy.told_ns ? part_ns(1000000000u, told - d->busy.told_ns,
							 d->busy.since_ns)
					       : 0;
		d->busy.told_ns = told;
		d->busy.since_ns = 0;
	}
	*ran = part_ns(tick_ns, d->busy.rate, 1000000000u);
}

static void share_domain(struct worker *w, struct domain *d, uint64_t tick_ns)
{
	struct share_vm *vm;
	uint64_t ran, can;
	size_t n = 0;

	for (const struct guarded *g = w->allow->first; g; g = g->next)
		n += g->domain == d && allow_active(g);
	vm = calloc(n + 1, sizeof(*vm));
	if (!n || !vm) {
		free(vm);
		return;
	}
	n = 0;
	for (struct guarded *g = w->allow->first; g; g = g->next)
		if (g->domain == d && allow_active(g)) {
			g->share.weight = g->weight;
			g->share.charged = g->paid;
			vm[n++] = g->share;
		}
	busy(w, d, tick_ns, &ran, &can);
	if (share_step(&d->share, vm, n, ran, can, tick_ns)) {
		n = 0;
		for (struct guarded *g = w->allow->first; g; g = g->next)
			if (g->domain == d && allow_active(g))
				g->share = vm[n++];
	}
	free(vm);
}

void allow_share(struct worker *w, uint64_t tick_ns)
{
	for (struct domain *d = w->domains; d; d = d->next)
		if (d->named)
			share_domain(w, d, tick_ns);
}
