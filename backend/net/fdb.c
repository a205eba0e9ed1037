/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/fdb.h"

#include <stdlib.h>
#include <string.h>

struct fdb_entry {
	struct fdb_entry *next; /* in the bucket */
	TAILQ_ENTRY(fdb_entry) link; /* at the port */
	struct fdb_port *port;
	uint8_t mac[6];
	bool given;
};

void fdb_port_init(struct fdb_port *p, void *owner)
{
	TAILQ_INIT(&p->entries);
	p->learned = 0;
	p->teach_at = 0;
	p->owner = owner;
}

static uint32_t bucket_of(const struct fdb *t, const uint8_t mac[6])
{
	uint32_t h = 2166136261u ^ t->salt;
	unsigned int i;

	for (i = 0; i < 6; i++)
		h = (h ^ mac[i]) * 16777619u;
	return (h ^ h >> 16) % FDB_BUCKETS;
}

static struct fdb_entry *find_entry(const struct fdb *t, const uint8_t mac[6])
{
	struct fdb_entry *e = t->bucket[bucket_of(t, mac)];

	while (e && memcmp(e->mac, mac, 6) != 0)
		e = e->next;
	return e;
}

struct fdb_port *fdb_find(const struct fdb *t, const uint8_t mac[6])
{
	struct fdb_entry *e = find_entry(t, mac);

	return e ? e->port : NULL;
}

static void remove_entry(struct fdb *t, struct fdb_entry *e)
{
	struct fdb_entry **at = &t->bucket[bucket_of(t, e->mac)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	TAILQ_REMOVE(&e->port->entries, e, link);
	if (!e->given)
		e->port->learned--;
	free(e);
}

static bool add_entry(struct fdb *t, struct fdb_port *p, const uint8_t mac[6], bool given)
{
	struct fdb_entry *e = calloc(1, sizeof(*e));
	uint32_t b = bucket_of(t, mac);

	if (!e)
		return false;
	e->port = p;
	e->given = given;
	memcpy(e->mac, mac, 6);
	e->next = t->bucket[b];
	t->bucket[b] = e;
	TAILQ_INSERT_TAIL(&p->entries, e, link);
	if (!given)
		p->learned++;
	return true;
}

static void drop_oldest(struct fdb *t, struct fdb_port *p)
{
	struct fdb_entry *e;

	TAILQ_FOREACH(e, &p->entries, link)
		if (!e->given) {
			remove_entry(t, e);
			return;
		}
}

bool fdb_give(struct fdb *t, struct fdb_port *p, const uint8_t mac[6])
{
	struct fdb_entry *e = find_entry(t, mac);

	if (fdb_is_group(mac) || (e && e->given))
		return false;
	if (e)
		remove_entry(t, e);
	return add_entry(t, p, mac, true);
}

bool fdb_knows(const struct fdb *t, const struct fdb_port *p, const uint8_t mac[6])
{
	const struct fdb_entry *e = find_entry(t, mac);

	return fdb_is_group(mac) || (e && (e->given || e->port == p));
}

bool fdb_may_teach(struct fdb_port *p, uint64_t now)
{
	uint64_t at = __atomic_load_n(&p->teach_at, __ATOMIC_RELAXED);

	return now >= at && __atomic_compare_exchange_n(&p->teach_at, &at, now + FDB_PAUSE, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void fdb_learn(struct fdb *t, struct fdb_port *p, const uint8_t mac[6])
{
	struct fdb_entry *e = find_entry(t, mac);

	if (fdb_knows(t, p, mac))
		return;
	if (e) /* the station has moved */
		remove_entry(t, e);
	if (p->learned == FDB_LEARNED)
		drop_oldest(t, p);
	add_entry(t, p, mac, false); /* without memory it is flooded to */
}

void fdb_forget(struct fdb *t, struct fdb_port *p)
{
	struct fdb_entry *e;

	while ((e = TAILQ_FIRST(&p->entries)))
		remove_entry(t, e); /* NOLINT(clang-analyzer-unix.Malloc): it leaves the list */
}
