/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * level2.c - see level2.h.
 */
#include "backend/kernel/bpf/level2.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kernel/bpf/given.h"
#include "backend/kernel/bpf/load.h"
#include "backend/kernel/bpf/rows.h"
#include "backend/kernel/bpf/whose.h"
#include "backend/kernel/irqs.h"
#include "common/log.h"

#define STILL 24u /* periods: then a sum is forgotten */

struct level2 {
	struct bpf_load *load;
	struct growth growth;
	struct whose whose;
	struct given given;
	struct share host, none; /* this domain's own work; nobody's */
	struct share *active; /* in this period */
	struct pools pools;
	struct irqs irqs;
	struct rows own, nobody; /* for people: all that ever was, by name */
	uint64_t total;
	bool failed; /* and it was said */
};

/* ------------------------------------------------------------------ */
/* Open                                                                */

static void say_missing(const struct level2 *l)
{
	const char *name, *says;
	unsigned int i;

	for (i = 0; bpf_load_part(l->load, i, &name, &says); i++)
		if (strcmp(says, "yes") != 0)
			log_info("level 2 without %s: %s", name, says);
}

static struct level2 *try_open(char *why, size_t size)
{
	struct level2 *l = calloc(1, sizeof(*l));

	if (!l) {
		snprintf(why, size, "no memory");
		return NULL;
	}
	l->load = bpf_load_open(why, size);
	if (l->load)
		return l;
	free(l);
	return NULL;
}

void level2_open(struct kernel *k)
{
	k->level2 = try_open(k->level1, sizeof(k->level1));
	if (!k->level2)
		return;
	k->level2->whose =
		(struct whose){ .k = k, .host = &k->level2->host, .none = &k->level2->none };
}

void level2_say(const struct kernel *k)
{
	if (k->level2)
		say_missing(k->level2);
}

void level2_close(struct kernel *k)
{
	struct level2 *l = k->level2;

	if (!l)
		return;
	bpf_load_close(l->load);
	growth_free(&l->growth);
	given_free(&l->given);
	whose_free(&l->whose);
	irqs_free(&l->irqs);
	free(l);
	k->level2 = NULL;
}

void level2_look(struct kernel *k)
{
	struct level2 *l = k->level2;

	if (!l)
		return;
	whose_forget(&l->whose);
	if (bpf_load_again(l->load))
		say_missing(l);
}

/* ------------------------------------------------------------------ */
/* A period                                                            */

static void take(void *arg, const struct bpf_key *key, const struct bpf_sum *sum)
{
	struct level2 *l = arg;

	growth_take(&l->growth, key, sum);
}

static void forget(void *arg, const struct bpf_key *key)
{
	struct level2 *l = arg;

	if (key->kind != BPF_LOST)
		bpf_load_forget(l->load, key);
}

static void activate(struct level2 *l, struct share *s)
{
	if (s->active)
		return;
	s->active = true;
	s->next = l->active;
	l->active = s;
}

/* Contexts in which it is said whose they are; what is left of others is this domain's own. */
static bool is_divided(unsigned int pool)
{
	switch (pool) {
	case BPF_IN_FLUSH:
	case BPF_IN_EVENT:
	case BPF_SOFTIRQ_NET_TX:
	case BPF_SOFTIRQ_NET_RX:
	case BPF_SOFTIRQ_BLOCK:
	case BPF_SOFTIRQ_POLL:
	case BPF_SOFTIRQ_TASKLET:
		return true;
	default:
		return false;
	}
}

static void take_pool(struct level2 *l, const struct grown *e)
{
	unsigned int pool = e->key.pool;

	if (pool >= BPF_POOLS)
		return;
	if (pool == BPF_IN_IRQ && irqs_is_device(&l->irqs, e->key.id)) {
		l->pools.device_ns += e->by.ns;
		l->pools.device_count += e->by.count;
	} else if (pool == BPF_IN_IRQ) {
		l->pools.ns[pool] += e->by.ns;
		l->pools.irq_count += e->by.count;
	} else if (is_divided(pool)) {
		l->pools.ns[pool] += e->by.ns;
	} else {
		l->host.in[pool].ns += e->by.ns;
		rows_add(&l->own, rows_pool(pool), e->by.ns);
	}
}

/* An interrupt that somebody's handler claimed was counted as one before. */
static void claimed(struct level2 *l, unsigned int pool, uint64_t count)
{
	if (pool == BPF_IN_IRQ)
		l->pools.irq_count -= count < l->pools.irq_count ? count : l->pools.irq_count;
}

static void take_share(struct level2 *l, struct grown *e)
{
	const char *pool = NULL;
	struct share *s = whose_share(&l->whose, e, &pool);

	if (!s || e->key.pool >= BPF_POOLS)
		return;
	s->in[e->key.pool].ns += e->by.ns;
	s->in[e->key.pool].units += e->by.count;
	activate(l, s);
	claimed(l, e->key.pool, e->by.count);
	if (s == &l->host)
		rows_add(&l->own, pool, e->by.ns);
	else if (s == &l->none)
		rows_add(&l->nobody, pool, e->by.ns);
}

/* Polls of guests' interfaces were counted with all polls. */
static void own_polls(struct level2 *l)
{
	uint64_t *all = &l->host.in[BPF_SOFTIRQ_NET_RX].units, guests = 0;
	const struct grown *e;

	for (e = l->growth.first; e; e = e->later)
		if (e->key.kind == BPF_VIF_TX && e->key.pool == BPF_SOFTIRQ_NET_RX)
			guests += e->by.count;
	*all -= guests < *all ? guests : *all;
}

static void divide(struct level2 *l)
{
	struct share before = l->host;
	unsigned int i;

	own_polls(l);
	spread(&l->pools, l->active, &l->host);
	for (i = 0; i < BPF_POOLS; i++)
		rows_add(&l->own, rows_pool(i), l->host.in[i].ns - before.in[i].ns);
}

/* ------------------------------------------------------------------ */
/* To whom it goes                                                     */

static uint64_t empty(struct share *s)
{
	uint64_t ns = share_total(s);

	memset(s, 0, sizeof(*s));
	return ns;
}

/* What interrupts did: of the receiver's own kicks, and of frames that no guest's poll has carried. */
static uint64_t take_interrupts(struct share *s)
{
	uint64_t ns = 0;
	unsigned int i;

	for (i = BPF_IN_IRQ; i < BPF_POOLS; i++) {
		ns += s->in[i].ns;
		s->in[i].ns = 0;
	}
	return ns;
}

static void deliver_device(struct level2 *l, struct kdev *d)
{
	unsigned int i;
	uint64_t ns;

	for (i = 0; i < KDEV_WORKS; i++) {
		if (!d->share[i].active)
			continue;
		if (i == KDEV_RX) { /* not its senders' */
			ns = take_interrupts(&d->share[i]);
			l->total += ns;
			d->cost[ACCTRING_CLASS_RX].ns += ns;
		}
		d->pool_ns += d->share[i].pool_ns;
		ns = empty(&d->share[i]);
		l->total += ns;
		kdev_burned(d, i, ns);
	}
}

static void deliver(struct kernel *k, struct level2 *l)
{
	uint64_t ns, told;
	struct kdev *d;
	struct kproc *p;

	LIST_FOREACH(d, &k->devices, link)
		deliver_device(l, d);
	LIST_FOREACH(p, &k->procs, link)
		if (p->share.active) {
			p->pool_ns += p->share.pool_ns;
			ns = empty(&p->share);
			l->total += ns;
			p->cost.ns += ns;
		}
	ns = empty(&l->host);
	l->total += ns;
	told = l->whose.told < ns ? l->whose.told : ns;
	l->whose.told -= told;
	k->host.ns += ns - told;
	l->total += empty(&l->none);
	l->active = NULL;
}

/* What was read before an error is used: it will not be there again. */
static void read_all(struct level2 *l)
{
	int r;

	growth_begin(&l->growth);
	memset(&l->pools, 0, sizeof(l->pools));
	r = bpf_load_read(l->load, take, l);
	if (r && !l->failed)
		log_error("level 2: %s: what is burned meanwhile is posted later", strerror(-r));
	l->failed = r;
}

void level2_gather(struct kernel *k)
{
	struct level2 *l = k->level2;
	struct grown *e;

	if (!l || !whose_begin(&l->whose))
		return;
	read_all(l);
	irqs_begin(&l->irqs, k->sys);
	activate(l, &l->host);
	for (e = l->growth.first; e; e = e->later)
		if (e->key.kind == BPF_POOL)
			take_pool(l, e);
	for (e = l->growth.first; e; e = e->later)
		if (e->key.kind != BPF_POOL)
			take_share(l, e);
	divide(l);
	deliver(k, l);
	given_gather(&l->given, l->load, &l->whose);
	growth_forget(&l->growth, STILL, forget, l);
	bpf_load_measure(l->load);
}

/* ------------------------------------------------------------------ */
/* For people                                                          */

void level2_print(const struct kernel *k, FILE *f)
{
	if (!k->level2)
		return;
	fprintf(f, "#total\tall contexts\t%" PRIu64 "\n", k->level2->total);
	rows_print(&k->level2->own, "#own", f);
	rows_print(&k->level2->nobody, "#unattributed", f);
}

void level2_cost(const struct kernel *k, uint64_t *ns, uint64_t *runs)
{
	*ns = *runs = 0;
	if (k->level2)
		bpf_load_cost(k->level2->load, ns, runs);
}

void level2_list(const struct kernel *k)
{
	const char *name, *says;
	unsigned int i;

	printf("#level\tis\twhy\n");
	printf("level\t%d\t%s\n", k->level1[0] ? 1 : 2, k->level1[0] ? k->level1 : "BPF");
	if (k->level1[0])
		return;
	printf("#part\tname\tis there\n");
	for (i = 0; bpf_probe_part(i, &name, &says); i++)
		printf("part\t%s\t%s\n", name, says);
}
