/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * served.h - which VM stands behind domid F at driver domain B, as dom0
 * says.  Knows no store: told by those who read it.
 *
 * One thread writes.  Lookups in an RCU read-side section.
 */
#ifndef ACCOUNTANT_SERVED_H
#define ACCOUNTANT_SERVED_H

#include "accountant/ledger.h"

struct served {
	struct cds_lfht_node node;
	struct served *next;
	struct served_entry is;
	bool named; /* dom0's node is there */
	bool gone; /* it says state=gone */
	bool dirty;
	uint64_t grown_ms; /* when we learnt that the domid changed hands; 0: never */
	uint64_t limit; /* of a debt that no cap repays, ns a second; 0: none */
	uint64_t limit_at, limit_ms; /* as dom0 counts, and when we saw that */
};

#define SERVED_LIMIT_MS 15000u /* a limit that dom0 does not say anew is over */

struct served_table {
	struct cds_lfht *table;
	struct served *first;
	unsigned int count;
};

bool served_init(struct served_table *t);
void served_free(struct served_table *t);
/* NULL: never heard of. */
struct served *served_find(struct served_table *t, unsigned int backend, unsigned int domid);
/*
 * What dom0's node says now.  A larger serial than the one known means that
 * the domid changed hands since we last looked.  NULL: no memory.
 */
struct served *served_set(struct served_table *t, const struct served_entry *e, bool gone,
			  uint64_t now_ms);
/* The node's limit, which dom0 said at `at`, a number; true: that is news. */
bool served_limit(struct served *s, uint64_t ns, uint64_t at, uint64_t now_ms);
/* The node is not there. */
void served_unset(struct served_table *t, unsigned int backend, unsigned int domid);
/* As the ledger remembers it: not named until dom0 is asked. */
struct served *served_restore(struct served_table *t, const struct served_entry *e);

#endif
