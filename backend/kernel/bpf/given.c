/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * given.c - see given.h.
 */
#include "backend/kernel/bpf/given.h"

#include <string.h>

#include "common/log.h"

#define STILL 24u /* periods: then a pair is forgotten */

static void take(void *arg, const struct bpf_key *key, const struct bpf_sum *sum)
{
	growth_take(arg, key, sum);
}

static void forget(void *arg, const struct bpf_key *key)
{
	bpf_load_forget_pair(arg, key);
}

/* NULL: a card, a bridge, or an interface that is gone or not known yet. */
static struct kdev *sender(const struct kernel *k, uint32_t ifindex)
{
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link)
		if (!d->gone && d->kind == ACCTRING_KIND_VIF && d->ifindex == ifindex)
			return d;
	return NULL;
}

/* Numbers of interfaces are of one network namespace: the receiver's must be ours. */
static void tell(const struct whose *w, const struct grown *e)
{
	uint32_t handle = (uint32_t)e->key.sub, ifindex = (uint32_t)(e->key.sub >> 32);
	struct kdev *to = whose_device(w, ACCTRING_KIND_VIF, e->key.id, handle);
	struct kdev *from = to && to->ifindex ? sender(w->k, ifindex) : NULL;

	if (from)
		pairs_tell(&w->k->pairs, from, to, e->by.count, e->by.ns);
}

void given_gather(struct given *g, struct bpf_load *load, const struct whose *w)
{
	const struct grown *e;
	int r;

	growth_begin(&g->growth);
	r = bpf_load_read_pairs(load, take, &g->growth);
	if (r && !g->failed)
		log_error("level 2: who sent what guests receive: %s", strerror(-r));
	g->failed = r;
	for (e = g->growth.first; e; e = e->later)
		tell(w, e);
	growth_forget(&g->growth, STILL, forget, load);
}

void given_free(struct given *g)
{
	growth_free(&g->growth);
}
