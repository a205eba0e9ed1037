/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/served.h"

#include <stdlib.h>
#include <string.h>

struct key {
	uint16_t backend, domid;
};

static unsigned long hash(const struct key *k)
{
	uint32_t v = (uint32_t)k->backend << 16 | k->domid;

	return v * 2654435769u;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	const struct served *s = caa_container_of(node, struct served, node);
	const struct key *k = key;

	return s->is.backend == k->backend && s->is.domid == k->domid;
}

bool served_init(struct served_table *t)
{
	memset(t, 0, sizeof(*t));
	t->table = cds_lfht_new_flavor(256, 256, 0, 0, &urcu_memb_flavor, NULL);
	return t->table != NULL;
}

void served_free(struct served_table *t)
{
	struct served *s;

	if (!t->table)
		return;
	urcu_memb_read_lock();
	for (s = t->first; s; s = s->next)
		cds_lfht_del(t->table, &s->node);
	urcu_memb_read_unlock();
	urcu_memb_synchronize_rcu();
	while ((s = t->first)) {
		t->first = s->next;
		free(s);
	}
	cds_lfht_destroy(t->table, NULL);
	memset(t, 0, sizeof(*t));
}

static struct served *find(struct served_table *t, const struct key *k)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(t->table, hash(k), match, k, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct served, node) : NULL;
}

struct served *served_find(struct served_table *t, unsigned int backend, unsigned int domid)
{
	struct key k = { (uint16_t)backend, (uint16_t)domid };

	return find(t, &k);
}

struct served *served_restore(struct served_table *t, const struct served_entry *e)
{
	struct key k = { e->backend, e->domid };
	struct served *s;

	urcu_memb_read_lock();
	s = find(t, &k);
	if (!s && (s = calloc(1, sizeof(*s)))) {
		s->is = *e;
		cds_lfht_node_init(&s->node);
		cds_lfht_add(t->table, hash(&k), &s->node);
		s->next = t->first;
		t->first = s;
		t->count++;
	}
	urcu_memb_read_unlock();
	return s;
}

static bool same(const struct served_entry *a, const struct served_entry *b)
{
	return a->backend == b->backend && a->domid == b->domid && a->serial == b->serial &&
	       !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) && !strcmp(a->name, b->name);
}

struct served *served_set(struct served_table *t, const struct served_entry *e, bool gone,
			  uint64_t now_ms)
{
	struct served *s = served_restore(t, e);

	if (!s)
		return NULL;
	if (s->is.serial < e->serial)
		s->grown_ms = now_ms;
	if (!s->named || !same(&s->is, e))
		s->dirty = true;
	s->is = *e;
	s->named = true;
	s->gone = gone;
	return s;
}

bool served_limit(struct served *s, uint64_t ns, uint64_t at, uint64_t now_ms)
{
	bool anew = ns && at != s->limit_at, other = ns != s->limit;

	if (anew)
		s->limit_ms = now_ms;
	s->limit = ns;
	s->limit_at = at;
	return anew || other;
}

void served_unset(struct served_table *t, unsigned int backend, unsigned int domid)
{
	struct served *s;

	urcu_memb_read_lock();
	s = served_find(t, backend, domid);
	if (s) {
		s->named = false;
		s->limit = 0;
	}
	urcu_memb_read_unlock();
}
