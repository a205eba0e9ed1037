/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * weights.h - uncapped VMs of a cpupool: weights that make own CPU and what driver domains
 * burned for it, together, stand in the ratio of the weights that were set.  Pure;
 * units as in balance.h; docs/debt.md.
 *
 * In each window the total of own + cost is divided max-min fairly by weight: who did
 * not wait gets what he used, who waited for a part of the time what he would have used without
 * that, the others share the rest.  That share is the VM's E, and u follows from its balance.
 * Who is at u = E keeps his weight, the others' fall by u/E;
 * then all are scaled so that their sum, and thereby the ratio of their mean to
 * the weights of dom0 and of domains that are not managed, stays as it was.
 *
 * Where for a second all others together want less than a tenth of what is used, a VM is alone: it
 * takes from nobody.
 */
#ifndef COLLECTOR_WEIGHTS_H
#define COLLECTOR_WEIGHTS_H

#include "collector/balance.h"

#define WEIGHT_MAX 65535

struct weights_vm {
	unsigned int weight; /* as found or set: 1..WEIGHT_MAX */
	/*
	 * What it is entitled to among the others; 0: its weight.  credit2 gives each vCPU the
	 * weight of its domain: there, weight times vCPUs that want to run (in any unit, the same for
	 * all), or we would change more than I/O does.
	 */
	uint64_t share;
	unsigned int vcpus;
	uint64_t own_ns, cost_ns; /* in this window */
	unsigned int waits; /* 0..1000: part of the time that it wanted to run and could not */
	struct balance balance; /* zeroed: new */
	int64_t carry; /* of rounding */
	uint64_t alone_ns; /* so long nobody else wanted anything */
	/* results */
	uint64_t share_ns; /* its part of the total of this window */
	uint64_t want_ns; /* what would be of use to it */
	bool alone; /* nothing is taken from it, and its weight is as found */
	struct balance_result is;
	unsigned int write; /* the weight to set, 1..WEIGHT_MAX */
};

/* share_ns of each.  Their sum is the total, less rounding of at most a ns each; false: no memory. */
bool weights_share(struct weights_vm *vm, size_t n, uint64_t window_ns);

/* A window: shares, balances, weights; false: no memory, nothing happened. */
bool weights_step(const struct balance_params *p, const struct contention *c, struct weights_vm *vm,
		  size_t n, uint64_t window_ns);

#endif
