/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.h - the database: everything that must outlive us, written in one
 * transaction per commit.  SQLite, WAL.
 *
 *	ledger_begin(l);
 *	ledger_put_...(l, ...);		errors stick
 *	if (ledger_end(l) < 0)		rolled back, or nobody knows:
 *		close, forget memory, open again, resume
 */
#ifndef ACCOUNTANT_LEDGER_H
#define ACCOUNTANT_LEDGER_H

#include "accountant/accounts.h"
#include "accountant/domains.h"

#include <acctring/accountant.h>
#include <stddef.h>

struct ledger;

enum epoch_state {
	EPOCH_OPEN = 1,
	EPOCH_CLOSED = 2, /* tombstone: drained to the end */
	EPOCH_REFUSED = 3, /* broke the protocol: never touched again */
	EPOCH_LOST = 4, /* ended while nobody had its pages */
};

struct epoch {
	struct acctring_link_id id;
	enum epoch_state state;
	unsigned int lanes;
	char program[64];
	char reason[64];
	uint64_t records, spilled, overflowed, cpu_ns;
	uint64_t changed_s; /* unix time when last written; set by loading */
};

/*
 * `cpu_ns` of a lane that another ledger had, and that has not come to our
 * pages yet: its clock, when it comes, is in that ledger's bills.
 */
#define CPU_UNKNOWN ((uint64_t)INT64_MAX)

struct lane_entry {
	struct acctring_lane_state state; /* cpu_ns: divided up to there */
	uint64_t carried_ns;
};

/* What was spent for payers on a lane: what allowances are compared with. */
struct spent_row {
	uint64_t row, ns;
};

struct lane_spent {
	uint32_t pos, ack; /* up to there */
	bool known; /* all of it */
	uint64_t overflow_ns;
	const void *row; /* struct spent_row, not aligned */
	unsigned int rows;
};

enum payer_state { PAYER_UNSEEN, PAYER_UNRESOLVED, PAYER_RESOLVED, PAYER_REFUSED };

struct payer_entry {
	uint64_t epoch;
	uint16_t backend;
	unsigned int row;
	enum payer_state state;
	struct acctring_payer_row is; /* as it stood when first seen */
	uint8_t uuid[16]; /* RESOLVED */
	struct book *held; /* UNRESOLVED: what it posted so far; may be NULL */
};

struct served_entry {
	uint16_t backend, domid;
	uint8_t uuid[16];
	uint64_t serial;
	char name[NAME_MAX_BYTES];
};

/*
 * Opens or makes the database and proves that it can be written.
 *   -EBUSY	another acctringd has it
 *   -EUCLEAN	damaged, or not ours: it is left as it is
 *   -EACCES	cannot be opened or made
 *   -EAGAIN	locked, disk full, I/O error: may pass
 * `why` gets one line.
 */
int ledger_open(struct ledger **out, const char *path, bool full_sync, char *why, size_t size);
void ledger_close(struct ledger *l);
uint64_t ledger_incarnation(const struct ledger *l);
const char *ledger_error(const struct ledger *l);

int ledger_begin(struct ledger *l);
int ledger_end(struct ledger *l);
void ledger_abandon(struct ledger *l); /* roll back */

/* Writes what changed: the account, and its classes marked so. */
void ledger_put_account(struct ledger *l, const struct account *x);
void ledger_put_domain(struct ledger *l, const struct domain *d);
void ledger_put_served(struct ledger *l, const struct served_entry *s);
void ledger_put_epoch(struct ledger *l, const struct epoch *e);
void ledger_put_lane(struct ledger *l, const struct acctring_link_id *id, unsigned int lane,
		     const struct lane_entry *e);
void ledger_put_spent(struct ledger *l, const struct acctring_link_id *id, unsigned int lane,
		      const struct lane_spent *s);
void ledger_put_payer(struct ledger *l, const struct payer_entry *p);
/* A limit that was commanded; parts of 1000000 of a CPU, 0: there is none any more. */
void ledger_put_limit(struct ledger *l, const char *vm, const char *driver, uint64_t ppm);
void ledger_put_share(struct ledger *l, bool on);
/* After a tombstone: lanes and settled payer rows of the epoch. */
void ledger_drop_epoch(struct ledger *l, const struct acctring_link_id *id);
/* Tombstones older than a day, and all but the latest of a backend (limits.h). */
void ledger_purge(struct ledger *l);

/* Loading; 0 or -errno.  Callbacks get entries that live for the call. */
int ledger_load_accounts(struct ledger *l, struct accounts *to);
int ledger_load_domains(struct ledger *l, void (*fn)(void *ctx, const struct domain *), void *ctx);
int ledger_load_served(struct ledger *l, void (*fn)(void *ctx, const struct served_entry *),
		       void *ctx);
/* Open epochs, and closed ones with unresolved payers. */
int ledger_load_epochs(struct ledger *l, void (*fn)(void *ctx, const struct epoch *), void *ctx);
int ledger_load_payers(struct ledger *l, const struct acctring_link_id *id,
		       void (*fn)(void *ctx, const struct payer_entry *), void *ctx);
/* One epoch; 0, -ENOENT or -errno. */
int ledger_find_epoch(struct ledger *l, unsigned int backend, uint64_t epoch, struct epoch *out);
int ledger_load_spent(struct ledger *l, const struct acctring_link_id *id,
		      void (*fn)(void *ctx, unsigned int lane, const struct lane_spent *),
		      void *ctx);
int ledger_load_limits(struct ledger *l,
		       void (*fn)(void *ctx, const char *vm, const char *driver, uint64_t ppm),
		       void *ctx);
int ledger_load_share(struct ledger *l, int *on); /* untouched: nobody said */
/* Entries 0 .. n-1; those without a row stay as they are.  0 or -errno. */
int ledger_load_lanes(struct ledger *l, const struct acctring_link_id *id, struct lane_entry *to,
		      unsigned int n);

#endif
