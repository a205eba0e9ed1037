/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger_put.c - what a commit writes.
 */
#include "accountant/ledger_impl.h"
#include "accountant/limits.h"

#include <string.h>
#include <time.h>

#define TOMBSTONE_S 86400
#define WAITING                                                  \
	"(SELECT 1 FROM payer WHERE payer.backend=epoch.backend" \
	" AND payer.epoch=epoch.epoch AND payer.state=1)"

static const char *const texts[STATEMENTS] = {
	[PUT_ACCOUNT] = "INSERT OR REPLACE INTO account VALUES(?,?,?,?,?,?,?)",
	[PUT_POSTED] = "INSERT OR REPLACE INTO posted VALUES(?,?,?,?,?,?,?,?,?)",
	[PUT_SENDER] = "INSERT OR REPLACE INTO sender VALUES(?,?,?,?,?,?)",
	[PUT_BASIS] = "INSERT OR REPLACE INTO basis VALUES(?,?,?,?,?,?,?,?,?,?,?)",
	[PUT_DOMAIN] = "INSERT OR REPLACE INTO domain VALUES(?,?,?,?,?,?,?,?,?)",
	[PUT_SERVED] = "INSERT OR REPLACE INTO served VALUES(?,?,?,?,?)",
	[PUT_EPOCH] = "INSERT OR REPLACE INTO epoch VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[PUT_LANE] = "INSERT OR REPLACE INTO lane VALUES(?,?,?,?,?,?,?,?,?)",
	[PUT_SPENT] = "INSERT OR REPLACE INTO spent VALUES(?,?,?,?,?,?,?,?)",
	[PUT_LIMIT] = "INSERT OR REPLACE INTO vm_limit VALUES(?,?,?)",
	[DROP_LIMIT] = "DELETE FROM vm_limit WHERE vm=? AND driver=?",
	[PUT_SHARE] = "INSERT OR REPLACE INTO meta VALUES('share',?)",
	[PUT_PAYER] = "INSERT OR REPLACE INTO payer VALUES(?,?,?,?,?,?,?,?,?,?)",
	[PUT_HELD] = "INSERT OR REPLACE INTO held VALUES(?,?,?,?,?,?,?,?)",
	[PUT_HELD_BASIS] = "INSERT OR REPLACE INTO held_basis VALUES(?,?,?,?,?,?)",
	[DROP_HELD] = "DELETE FROM held WHERE backend=? AND epoch=? AND row=?",
	[DROP_HELD_BASIS] = "DELETE FROM held_basis WHERE backend=? AND epoch=? AND row=?",
	[DROP_LANES] = "DELETE FROM lane WHERE backend=? AND epoch=?",
	[DROP_SPENT] = "DELETE FROM spent WHERE backend=? AND epoch=?",
	[DROP_PAYERS] = "DELETE FROM payer WHERE backend=? AND epoch=? AND state<>1",
	/* NOLINTBEGIN(bugprone-suspicious-missing-comma): none is */
	[DROP_SLOT] = "DELETE FROM epoch WHERE backend=? AND slot=? AND lanes=0 AND state>2"
		      " AND epoch<>?",
	[PURGE] = "DELETE FROM epoch WHERE state<>1 AND changed<? AND NOT EXISTS" WAITING,
	[PURGE_MANY] = "DELETE FROM epoch WHERE (backend,epoch) IN (SELECT backend,epoch FROM"
		       " (SELECT *,row_number() OVER (PARTITION BY backend ORDER BY changed DESC)"
		       " AS n FROM epoch WHERE state<>1) WHERE n>?) AND NOT EXISTS" WAITING,
	/* NOLINTEND(bugprone-suspicious-missing-comma) */
};

sqlite3_stmt *ledger_statement(struct ledger *l, enum statement_id id)
{
	int rc;

	if (l->error)
		return NULL;
	if (!l->put[id]) {
		rc = sqlite3_prepare_v3(l->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT,
					&l->put[id], NULL);
		if (rc != SQLITE_OK)
			ledger_fail(l, rc);
	}
	return l->put[id];
}

void ledger_step(struct ledger *l, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	if (rc != SQLITE_DONE)
		ledger_fail(l, rc);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

/* Sums are modulo 2^64 as bits; SQLite's integers are signed. */
static void num(sqlite3_stmt *s, int at, uint64_t v)
{
	sqlite3_bind_int64(s, at, (sqlite3_int64)v);
}

static void uuid(sqlite3_stmt *s, int at, const uint8_t *v)
{
	sqlite3_bind_blob(s, at, v, 16, SQLITE_STATIC);
}

static void text(sqlite3_stmt *s, int at, const char *v)
{
	sqlite3_bind_text(s, at, v, -1, SQLITE_STATIC);
}

static void key(sqlite3_stmt *s, const struct account_key *k)
{
	num(s, 1, k->backend);
	uuid(s, 2, k->uuid);
	num(s, 3, k->kind);
	num(s, 4, k->device);
}

static void sums(sqlite3_stmt *s, int at, const struct sums *v)
{
	num(s, at, v->posts);
	num(s, at + 1, v->units);
	num(s, at + 2, v->bytes);
	num(s, at + 3, v->ns);
}

/* BASIS_THREAD is the rest of their sum. */
static void bases(sqlite3_stmt *s, int at, const uint64_t of[BASES])
{
	num(s, at, of[BASIS_DIRECT]);
	num(s, at + 1, of[BASIS_POOL]);
	num(s, at + 2, of[BASIS_MODEL]);
}

static void put_bases(struct ledger *l, const struct account *x)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_BASIS);

	if (!s)
		return;
	key(s, &x->key);
	bases(s, 5, x->book.basis_ns);
	bases(s, 8, x->due_basis_ns);
	num(s, 11, x->beside.ns);
	ledger_step(l, s);
}

void ledger_put_account(struct ledger *l, const struct account *x)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_ACCOUNT);

	if (!s)
		return;
	key(s, &x->key);
	num(s, 5, x->domid);
	num(s, 6, x->book.charged_ns);
	num(s, 7, x->due_ns);
	ledger_step(l, s);
	if ((x->sent_ns || x->due_sent_ns) && (s = ledger_statement(l, PUT_SENDER))) {
		key(s, &x->key);
		num(s, 5, x->sent_ns);
		num(s, 6, x->due_sent_ns);
		ledger_step(l, s);
	}
	if (x->based)
		put_bases(l, x);
	for (unsigned int i = 1; i < ACCTRING_CLASSES; i++) {
		if (!(x->classes >> i & 1) || !(s = ledger_statement(l, PUT_POSTED)))
			continue;
		key(s, &x->key);
		num(s, 5, i);
		sums(s, 6, &x->book.klass[i]);
		ledger_step(l, s);
	}
}

void ledger_put_domain(struct ledger *l, const struct domain *d)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_DOMAIN);

	if (!s)
		return;
	num(s, 1, d->domid);
	uuid(s, 2, d->uuid);
	text(s, 3, d->name);
	num(s, 4, d->s.raw_ns);
	num(s, 5, d->s.measured_ns);
	num(s, 6, d->s.own_ns);
	num(s, 7, d->s.epochs_lost);
	num(s, 8, d->s.rolled_back);
	num(s, 9, d->s.overclaimed_ns);
	ledger_step(l, s);
}

void ledger_put_served(struct ledger *l, const struct served_entry *e)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_SERVED);

	if (!s)
		return;
	num(s, 1, e->backend);
	num(s, 2, e->domid);
	uuid(s, 3, e->uuid);
	num(s, 4, e->serial);
	text(s, 5, e->name);
	ledger_step(l, s);
}

void ledger_put_epoch(struct ledger *l, const struct epoch *e)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_EPOCH);

	if (!s)
		return;
	num(s, 1, e->id.epoch);
	num(s, 2, e->id.domid);
	num(s, 3, e->id.slot);
	num(s, 4, e->id.ref);
	num(s, 5, e->id.port);
	num(s, 6, e->state);
	num(s, 7, e->lanes);
	text(s, 8, e->program);
	text(s, 9, e->reason);
	num(s, 10, e->records);
	num(s, 11, e->spilled);
	num(s, 12, e->overflowed);
	num(s, 13, e->cpu_ns);
	num(s, 14, (uint64_t)time(NULL));
	ledger_step(l, s);
	/* epochs that never were one: a liar may name any number of them */
	if (e->state > EPOCH_CLOSED && !e->lanes && (s = ledger_statement(l, DROP_SLOT))) {
		num(s, 1, e->id.domid);
		num(s, 2, e->id.slot);
		num(s, 3, e->id.epoch);
		ledger_step(l, s);
	}
}

/* Most rows were never used: the blob ends with the last that was. */
static int base_bytes(const struct acctring_lane_state *st)
{
	static const struct acctring_row_copy none;
	int n = ACCTRING_ROWS;

	while (n && !memcmp(&st->base[n - 1], &none, sizeof(none)))
		n--;
	return n * (int)sizeof(none);
}

void ledger_put_lane(struct ledger *l, const struct acctring_link_id *id, unsigned int lane,
		     const struct lane_entry *e)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_LANE);

	if (!s)
		return;
	num(s, 1, id->epoch);
	num(s, 2, id->domid);
	num(s, 3, lane);
	num(s, 4, e->state.pos);
	num(s, 5, e->state.ack);
	num(s, 6, e->state.cpu_ns);
	num(s, 7, e->carried_ns);
	num(s, 8, e->state.rows);
	sqlite3_bind_blob(s, 9, e->state.base, base_bytes(&e->state), SQLITE_STATIC);
	ledger_step(l, s);
}

void ledger_put_spent(struct ledger *l, const struct acctring_link_id *id, unsigned int lane,
		      const struct lane_spent *e)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_SPENT);

	if (!s)
		return;
	num(s, 1, id->epoch);
	num(s, 2, id->domid);
	num(s, 3, lane);
	num(s, 4, e->pos);
	num(s, 5, e->ack);
	num(s, 6, e->known);
	num(s, 7, e->overflow_ns);
	sqlite3_bind_blob(s, 8, e->row, (int)(e->rows * sizeof(struct spent_row)), SQLITE_STATIC);
	ledger_step(l, s);
}

void ledger_put_limit(struct ledger *l, const char *vm, const char *driver, uint64_t ppm)
{
	sqlite3_stmt *s = ledger_statement(l, ppm ? PUT_LIMIT : DROP_LIMIT);

	if (!s)
		return;
	text(s, 1, vm);
	text(s, 2, driver);
	if (ppm)
		num(s, 3, ppm);
	ledger_step(l, s);
}

void ledger_put_share(struct ledger *l, bool on)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_SHARE);

	if (!s)
		return;
	num(s, 1, on);
	ledger_step(l, s);
}

static void put_held(struct ledger *l, const struct payer_entry *p)
{
	sqlite3_stmt *by = ledger_statement(l, PUT_HELD_BASIS);

	if (by) {
		num(by, 1, p->epoch);
		num(by, 2, p->backend);
		num(by, 3, p->row);
		bases(by, 4, p->held->basis_ns);
		ledger_step(l, by);
	}
	for (unsigned int i = 1; i < ACCTRING_CLASSES; i++) {
		sqlite3_stmt *s;

		if (!p->held->klass[i].posts || !(s = ledger_statement(l, PUT_HELD)))
			continue;
		num(s, 1, p->epoch);
		num(s, 2, p->backend);
		num(s, 3, p->row);
		num(s, 4, i);
		sums(s, 5, &p->held->klass[i]);
		ledger_step(l, s);
	}
}

static void drop_held(struct ledger *l, const struct payer_entry *p)
{
	static const enum statement_id drop[] = { DROP_HELD, DROP_HELD_BASIS };

	for (unsigned int i = 0; i < 2; i++) {
		sqlite3_stmt *s = ledger_statement(l, drop[i]);

		if (!s)
			return;
		num(s, 1, p->backend);
		num(s, 2, p->epoch);
		num(s, 3, p->row);
		ledger_step(l, s);
	}
}

void ledger_put_payer(struct ledger *l, const struct payer_entry *p)
{
	sqlite3_stmt *s = ledger_statement(l, PUT_PAYER);

	if (!s)
		return;
	num(s, 1, p->epoch);
	num(s, 2, p->backend);
	num(s, 3, p->row);
	num(s, 4, p->state);
	num(s, 5, p->is.domid);
	num(s, 6, p->is.kind);
	num(s, 7, p->is.device);
	num(s, 8, p->is.serial);
	uuid(s, 9, p->uuid);
	num(s, 10, p->held ? p->held->charged_ns : 0);
	ledger_step(l, s);
	if (p->state == PAYER_UNRESOLVED && p->held)
		put_held(l, p);
	else
		drop_held(l, p);
}

void ledger_drop_epoch(struct ledger *l, const struct acctring_link_id *id)
{
	static const enum statement_id drop[] = { DROP_LANES, DROP_SPENT, DROP_PAYERS };

	for (unsigned int i = 0; i < 3; i++) {
		sqlite3_stmt *s = ledger_statement(l, drop[i]);

		if (!s)
			return;
		num(s, 1, id->domid);
		num(s, 2, id->epoch);
		ledger_step(l, s);
	}
}

void ledger_purge(struct ledger *l)
{
	sqlite3_stmt *s = ledger_statement(l, PURGE);

	if (!s)
		return;
	num(s, 1, (uint64_t)time(NULL) - TOMBSTONE_S);
	ledger_step(l, s);
	s = ledger_statement(l, PURGE_MANY);
	if (!s)
		return;
	num(s, 1, TOMBSTONES_MAX);
	ledger_step(l, s);
}
