/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger_load.c - what is read at the start and after a failed commit.
 */
#include "accountant/ledger_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3_stmt *query(struct ledger *l, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(l->db, sql, -1, &s, NULL);

	l->error = 0;
	if (rc != SQLITE_OK)
		ledger_fail(l, rc);
	return s;
}

static bool row(struct ledger *l, sqlite3_stmt *s)
{
	int rc = s ? sqlite3_step(s) : SQLITE_DONE;

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		ledger_fail(l, rc);
	return rc == SQLITE_ROW;
}

static int done(struct ledger *l, sqlite3_stmt *s)
{
	sqlite3_finalize(s);
	return ledger_errno(l->error);
}

static uint64_t num(sqlite3_stmt *s, int at)
{
	return (uint64_t)sqlite3_column_int64(s, at);
}

static void uuid(sqlite3_stmt *s, int at, uint8_t out[16])
{
	memset(out, 0, 16);
	if (sqlite3_column_bytes(s, at) == 16)
		memcpy(out, sqlite3_column_blob(s, at), 16);
}

static void text(sqlite3_stmt *s, int at, char out[64])
{
	const char *t = (const char *)sqlite3_column_text(s, at);

	snprintf(out, 64, "%s", t ? t : "");
}

static void key(sqlite3_stmt *s, struct account_key *k)
{
	memset(k, 0, sizeof(*k));
	k->backend = (uint16_t)num(s, 0);
	uuid(s, 1, k->uuid);
	k->kind = (uint8_t)num(s, 2);
	k->device = (uint32_t)num(s, 3);
}

static void sums(sqlite3_stmt *s, int at, struct sums *v)
{
	v->posts = num(s, at);
	v->units = num(s, at + 1);
	v->bytes = num(s, at + 2);
	v->ns = num(s, at + 3);
}

/* What else there is of accounts that are loaded. */
static int each_account(struct ledger *l, struct accounts *to, const char *sql,
			void (*take)(sqlite3_stmt *s, struct account *x))
{
	sqlite3_stmt *s = query(l, sql);
	struct account_key k;
	struct account *x;

	while (row(l, s)) {
		key(s, &k);
		urcu_memb_read_lock();
		x = accounts_find(to, &k);
		if (x)
			take(s, x);
		urcu_memb_read_unlock();
	}
	return done(l, s);
}

/* What it pays as a sender. */
static void sender(sqlite3_stmt *s, struct account *x)
{
	x->sent_ns = num(s, 4);
	x->due_sent_ns = num(s, 5) < x->due_ns ? num(s, 5) : x->due_ns;
}

/* Of what is known: `all` is. */
static void bases(sqlite3_stmt *s, int at, uint64_t of[BASES], uint64_t all)
{
	of[BASIS_DIRECT] = num(s, at);
	of[BASIS_POOL] = num(s, at + 1);
	of[BASIS_MODEL] = num(s, at + 2);
	basis_rest(of, all);
}

/* On what it rests: what an older acctringd charged is in no row, and of BASIS_THREAD. */
static void basis(sqlite3_stmt *s, struct account *x)
{
	x->based = true;
	bases(s, 4, x->book.basis_ns, x->book.charged_ns);
	bases(s, 7, x->due_basis_ns, x->due_ns);
	x->beside.ns = num(s, 10);
}

int ledger_load_accounts(struct ledger *l, struct accounts *to)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM account");
	struct account_key k;
	struct account *x;
	bool full = false;

	while (!full && row(l, s)) {
		key(s, &k);
		x = accounts_get(to, &k);
		full = !x;
		if (x) {
			x->domid = (uint16_t)num(s, 4);
			x->book.charged_ns = num(s, 5);
			x->due_ns = num(s, 6);
			basis_rest(x->book.basis_ns, x->book.charged_ns);
			basis_rest(x->due_basis_ns, x->due_ns);
		}
	}
	if (done(l, s))
		return ledger_errno(l->error);
	s = query(l, "SELECT * FROM posted");
	while (!full && row(l, s)) {
		key(s, &k);
		x = accounts_get(to, &k);
		full = !x;
		if (x && num(s, 4) < ACCTRING_CLASSES)
			sums(s, 5, &x->book.klass[num(s, 4)]);
	}
	if (done(l, s) || full)
		return l->error ? ledger_errno(l->error) : -ENOMEM;
	if (each_account(l, to, "SELECT * FROM sender", sender))
		return ledger_errno(l->error);
	return each_account(l, to, "SELECT * FROM basis", basis);
}

int ledger_load_domains(struct ledger *l, void (*fn)(void *ctx, const struct domain *), void *ctx)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM domain");

	while (row(l, s)) {
		struct domain d = { .domid = (uint16_t)num(s, 0) };

		uuid(s, 1, d.uuid);
		text(s, 2, d.name);
		d.s.raw_ns = num(s, 3);
		d.s.measured_ns = num(s, 4);
		d.s.own_ns = num(s, 5);
		d.s.epochs_lost = num(s, 6);
		d.s.rolled_back = num(s, 7);
		d.s.overclaimed_ns = num(s, 8);
		fn(ctx, &d);
	}
	return done(l, s);
}

int ledger_load_served(struct ledger *l, void (*fn)(void *ctx, const struct served_entry *),
		       void *ctx)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM served");

	while (row(l, s)) {
		struct served_entry e = { .backend = (uint16_t)num(s, 0),
					  .domid = (uint16_t)num(s, 1),
					  .serial = num(s, 3) };

		uuid(s, 2, e.uuid);
		text(s, 4, e.name);
		fn(ctx, &e);
	}
	return done(l, s);
}

static void epoch(sqlite3_stmt *s, struct epoch *e)
{
	memset(e, 0, sizeof(*e));
	e->id.epoch = num(s, 0);
	e->id.domid = (uint16_t)num(s, 1);
	e->id.slot = (uint32_t)num(s, 2);
	e->id.ref = (uint32_t)num(s, 3);
	e->id.port = (uint32_t)num(s, 4);
	e->state = (enum epoch_state)num(s, 5);
	e->lanes = (unsigned int)num(s, 6);
	text(s, 7, e->program);
	text(s, 8, e->reason);
	e->records = num(s, 9);
	e->spilled = num(s, 10);
	e->overflowed = num(s, 11);
	e->cpu_ns = num(s, 12);
	e->changed_s = num(s, 13);
}

int ledger_load_epochs(struct ledger *l, void (*fn)(void *ctx, const struct epoch *), void *ctx)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM epoch WHERE state=1 OR EXISTS"
				   " (SELECT 1 FROM payer WHERE payer.backend=epoch.backend"
				   " AND payer.epoch=epoch.epoch AND payer.state=1)");
	struct epoch e;

	while (row(l, s)) {
		epoch(s, &e);
		fn(ctx, &e);
	}
	return done(l, s);
}

/* Binds backend and epoch. */
static void bind(sqlite3_stmt *s, unsigned int backend, uint64_t wanted)
{
	if (!s)
		return;
	sqlite3_bind_int64(s, 1, backend);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)wanted);
}

int ledger_find_epoch(struct ledger *l, unsigned int backend, uint64_t wanted, struct epoch *out)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM epoch WHERE backend=? AND epoch=?");
	bool found = false;

	bind(s, backend, wanted);
	if (row(l, s)) {
		epoch(s, out);
		found = true;
	}
	return done(l, s) ? ledger_errno(l->error) : found ? 0 : -ENOENT;
}

int ledger_load_lanes(struct ledger *l, const struct acctring_link_id *id, struct lane_entry *to,
		      unsigned int n)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM lane WHERE backend=? AND epoch=?");

	bind(s, id->domid, id->epoch);
	while (row(l, s)) {
		uint64_t i = num(s, 2);
		int bytes = sqlite3_column_bytes(s, 8);

		if (i >= n)
			continue;
		to[i].state.pos = (uint32_t)num(s, 3);
		to[i].state.ack = (uint32_t)num(s, 4);
		to[i].state.cpu_ns = num(s, 5);
		to[i].carried_ns = num(s, 6);
		to[i].state.rows = (uint32_t)num(s, 7);
		if (bytes > 0 && (size_t)bytes <= sizeof(to[i].state.base))
			memcpy(to[i].state.base, sqlite3_column_blob(s, 8), (size_t)bytes);
	}
	return done(l, s);
}

int ledger_load_spent(struct ledger *l, const struct acctring_link_id *id,
		      void (*fn)(void *ctx, unsigned int lane, const struct lane_spent *),
		      void *ctx)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM spent WHERE backend=? AND epoch=?");

	bind(s, id->domid, id->epoch);
	while (row(l, s)) {
		size_t bytes = (size_t)sqlite3_column_bytes(s, 7);
		struct lane_spent e = { .pos = (uint32_t)num(s, 3),
					.ack = (uint32_t)num(s, 4),
					.known = num(s, 5),
					.overflow_ns = num(s, 6),
					.row = sqlite3_column_blob(s, 7) };

		e.rows = (unsigned int)(bytes / sizeof(struct spent_row));
		fn(ctx, (unsigned int)num(s, 2), &e);
	}
	return done(l, s);
}

int ledger_load_limits(struct ledger *l,
		       void (*fn)(void *ctx, const char *vm, const char *driver, uint64_t ppm),
		       void *ctx)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM vm_limit");
	char vm[64], driver[64];

	while (row(l, s)) {
		text(s, 0, vm);
		text(s, 1, driver);
		fn(ctx, vm, driver, num(s, 2));
	}
	return done(l, s);
}

int ledger_load_share(struct ledger *l, int *on)
{
	sqlite3_stmt *s = query(l, "SELECT value FROM meta WHERE key='share'");

	if (row(l, s))
		*on = num(s, 0) != 0;
	return done(l, s);
}

static sqlite3_stmt *query_held(struct ledger *l, const char *sql, const struct payer_entry *p)
{
	sqlite3_stmt *s = query(l, sql);

	bind(s, p->backend, p->epoch);
	if (s)
		sqlite3_bind_int64(s, 3, p->row);
	return s;
}

static int load_held(struct ledger *l, const struct payer_entry *p)
{
	sqlite3_stmt *s =
		query_held(l, "SELECT * FROM held WHERE backend=? AND epoch=? AND row=?", p);

	while (row(l, s))
		if (num(s, 3) < ACCTRING_CLASSES)
			sums(s, 4, &p->held->klass[num(s, 3)]);
	if (done(l, s))
		return ledger_errno(l->error);
	basis_rest(p->held->basis_ns, p->held->charged_ns);
	s = query_held(l, "SELECT * FROM held_basis WHERE backend=? AND epoch=? AND row=?", p);
	if (row(l, s))
		bases(s, 3, p->held->basis_ns, p->held->charged_ns);
	return done(l, s);
}

int ledger_load_payers(struct ledger *l, const struct acctring_link_id *id,
		       void (*fn)(void *ctx, const struct payer_entry *), void *ctx)
{
	sqlite3_stmt *s = query(l, "SELECT * FROM payer WHERE backend=? AND epoch=?");
	int err = 0;

	bind(s, id->domid, id->epoch);
	while (!err && row(l, s)) {
		struct book held = { .charged_ns = num(s, 9) };
		struct payer_entry p = { .epoch = id->epoch,
					 .backend = id->domid,
					 .row = (unsigned int)num(s, 2),
					 .state = (enum payer_state)num(s, 3),
					 .held = &held };

		p.is.domid = (uint16_t)num(s, 4);
		p.is.kind = (uint8_t)num(s, 5);
		p.is.device = (uint32_t)num(s, 6);
		p.is.serial = num(s, 7);
		p.is.state = ACCTRING_PAYER_CLOSED;
		uuid(s, 8, p.uuid);
		err = load_held(l, &p);
		if (!err)
			fn(ctx, &p);
	}
	return done(l, s) ? ledger_errno(l->error) : err;
}
