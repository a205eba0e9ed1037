/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fdb.h - the switch's table: which address is behind which port.  Pure.
 *
 * A port may teach at most FDB_LEARNED addresses, its oldest goes first;
 * and never one that the toolstack gave to another port.  All who switch wait
 * while one is learned, so it teaches only once in FDB_PAUSE; meanwhile what
 * is for an address that is not known yet goes to all.
 */
#ifndef BACKEND_NET_FDB_H
#define BACKEND_NET_FDB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define FDB_BUCKETS 1024u
#define FDB_LEARNED 64u
#define FDB_PAUSE 5u /* ms */

struct fdb_entry;
TAILQ_HEAD(fdb_entries, fdb_entry);

struct fdb_port {
	struct fdb_entries entries; /* oldest first */
	unsigned int learned;
	uint64_t teach_at; /* atomic; ms: not before */
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
/* By any thread, at `now` ms: may the port teach?  True once, then not for a while. */
bool fdb_may_teach(struct fdb_port *p, uint64_t now);
struct fdb_port *fdb_find(const struct fdb *t, const uint8_t mac[6]);
/* The port goes, with all its addresses. */
void fdb_forget(struct fdb *t, struct fdb_port *p);

static inline bool fdb_is_group(const uint8_t mac[6])
{
	return mac[0] & 1;
}

#endif
