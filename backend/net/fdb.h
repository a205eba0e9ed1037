/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fdb.h - the switch's table: which address is behind which port.  Pure.
 *
 * A port may teach at most FDB_LEARNED addresses, its oldest goes first;
 * and never one that the toolstack gave to another port.
 */
#ifndef BACKEND_NET_FDB_H
#define BACKEND_NET_FDB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define FDB_BUCKETS 1024u
#define FDB_LEARNED 64u

struct fdb_entry;
TAILQ_HEAD(fdb_entries, fdb_entry);

struct fdb_port {
	struct fdb_entries entries; /* oldest first */
	unsigned int learned;
	void *owner; /* the caller's */
};

struct fdb {
	struct fdb_entry *bucket[FDB_BUCKETS];
	uint32_t salt; /* so that no guest can choose its bucket */
};

void fdb_port_init(struct fdb_port *p, void *owner);
/* An address that the toolstack gave; false: no memory, or not free. */
bool fdb_give(struct fdb *t, struct fdb_port *p, const uint8_t mac[6]);
/* The source address of a frame that came in; groups are not learned. */
void fdb_learn(struct fdb *t, struct fdb_port *p, const uint8_t mac[6]);
/* Would it change nothing? */
bool fdb_knows(const struct fdb *t, const struct fdb_port *p, const uint8_t mac[6]);
struct fdb_port *fdb_find(const struct fdb *t, const uint8_t mac[6]);
/* The port goes, with all its addresses. */
void fdb_forget(struct fdb *t, struct fdb_port *p);

static inline bool fdb_is_group(const uint8_t mac[6])
{
	return mac[0] & 1;
}

#endif
