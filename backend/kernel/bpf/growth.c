/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.c - see growth.h.
 */
#include "backend/kernel/bpf/growth.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool same(const struct bpf_key *a, const struct bpf_key *b)
{
	return a->kind == b->kind && a->pool == b->pool && a->id == b->id && a->sub == b->sub;
}

static struct grown **bucket_of(struct growth *g, const struct bpf_key *k)
{
	uint64_t h = k->kind | (uint64_t)k->pool << 16 | (uint64_t)k->id << 32;

	h = (h ^ k->sub * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
	return &g->bucket[(h >> 40) % GROWTH_BUCKETS];
}

static struct grown *get(struct growth *g, const struct bpf_key *key)
{
	struct grown **b = bucket_of(g, key), *e;

	for (e = *b; e; e = e->next)
		if (same(&e->key, key))
			return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	e->next = *b;
	*b = e;
	g->n++;
	return e;
}

void growth_begin(struct growth *g)
{
	g->first = NULL;
}

static uint64_t since(uint64_t last, uint64_t now)
{
	return now >= last ? now - last : now;
}

void growth_take(struct growth *g, const struct bpf_key *key, const struct bpf_sum *now)
{
	struct grown *e = get(g, key);

	if (!e)
		return;
	e->by.ns = since(e->last.ns, now->ns);
	e->by.count = since(e->last.count, now->count);
	e->last = *now;
	if (!e->by.ns && !e->by.count) {
		e->still++;
		return;
	}
	e->still = 0;
	e->later = g->first;
	g->first = e;
}

void growth_forget(struct growth *g, unsigned int periods, growth_forgotten *forgotten, void *arg)
{
	struct grown **p, *e;
	unsigned int i;

	for (i = 0; i < GROWTH_BUCKETS; i++)
		for (p = &g->bucket[i]; (e = *p);) {
			if (e->still < periods) {
				p = &e->next;
				continue;
			}
			*p = e->next;
			forgotten(arg, &e->key);
			free(e);
			g->n--;
		}
}

static void ignore(void *arg, const struct bpf_key *key)
{
	(void)arg;
	(void)key;
}

void growth_free(struct growth *g)
{
	growth_forget(g, 0, ignore, NULL);
	g->first = NULL;
}
