/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.c - opening, checking and closing the database; transactions.
 */
#include "accountant/ledger_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define SCHEMA_VERSION 1

/*
 * An epoch is its backend's: another domain may name the same number.  Keys
 * are the first columns, in their order: quick_check of SQLite 3.40 calls other
 * tables without rowid damaged.
 */
static const char schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE domain(backend INTEGER PRIMARY KEY, uuid BLOB, name TEXT, raw_ns INTEGER,"
	" measured_ns INTEGER, own_ns INTEGER, epochs_lost INTEGER, rolled_back INTEGER,"
	" overclaimed_ns INTEGER);"
	"CREATE TABLE served(backend INTEGER, domid INTEGER, uuid BLOB, serial INTEGER, name TEXT,"
	" PRIMARY KEY(backend, domid)) WITHOUT ROWID;"
	"CREATE TABLE account(backend INTEGER, uuid BLOB, kind INTEGER, device INTEGER,"
	" domid INTEGER, charged_ns INTEGER, due_ns INTEGER,"
	" PRIMARY KEY(backend, uuid, kind, device)) WITHOUT ROWID;"
	"CREATE TABLE posted(backend INTEGER, uuid BLOB, kind INTEGER, device INTEGER,"
	" class INTEGER, posts INTEGER, units INTEGER, bytes INTEGER, ns INTEGER,"
	" PRIMARY KEY(backend, uuid, kind, device, class)) WITHOUT ROWID;"
	"CREATE TABLE epoch(epoch INTEGER, backend INTEGER, slot INTEGER, ref INTEGER,"
	" port INTEGER, state INTEGER, lanes INTEGER, program TEXT, reason TEXT, records INTEGER,"
	" spilled INTEGER, overflowed INTEGER, cpu_ns INTEGER, changed INTEGER,"
	" PRIMARY KEY(epoch, backend)) WITHOUT ROWID;"
	"CREATE TABLE lane(epoch INTEGER, backend INTEGER, lane INTEGER, pos INTEGER, ack INTEGER, "
	"cpu_ns INTEGER,"
	" carried_ns INTEGER, rows INTEGER, bases BLOB,"
	" PRIMARY KEY(epoch, backend, lane)) WITHOUT ROWID;"
	"CREATE TABLE payer(epoch INTEGER, backend INTEGER, row INTEGER, state INTEGER, domid "
	"INTEGER,"
	" kind INTEGER, device INTEGER, serial INTEGER, uuid BLOB, charged_ns INTEGER,"
	" PRIMARY KEY(epoch, backend, row)) WITHOUT ROWID;"
	"CREATE TABLE held(epoch INTEGER, backend INTEGER, row INTEGER, class INTEGER, posts "
	"INTEGER,"
	" units INTEGER, bytes INTEGER, ns INTEGER,"
	" PRIMARY KEY(epoch, backend, row, class)) WITHOUT ROWID;";

/* What came later: a ledger without it gets it, and who does not know it leaves it alone. */
static const char later[] =
	"CREATE TABLE IF NOT EXISTS sender(backend INTEGER, uuid BLOB, kind INTEGER,"
	" device INTEGER, charged_ns INTEGER, due_ns INTEGER,"
	" PRIMARY KEY(backend, uuid, kind, device)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS spent(epoch INTEGER, backend INTEGER, lane INTEGER,"
	" pos INTEGER, ack INTEGER, known INTEGER, overflow_ns INTEGER, rows BLOB,"
	" PRIMARY KEY(epoch, backend, lane)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS basis(backend INTEGER, uuid BLOB, kind INTEGER, device INTEGER,"
	" direct_ns INTEGER, pool_ns INTEGER, model_ns INTEGER, due_direct_ns INTEGER,"
	" due_pool_ns INTEGER, due_model_ns INTEGER, beside_ns INTEGER,"
	" PRIMARY KEY(backend, uuid, kind, device)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS held_basis(epoch INTEGER, backend INTEGER, row INTEGER,"
	" direct_ns INTEGER, pool_ns INTEGER, model_ns INTEGER,"
	" PRIMARY KEY(epoch, backend, row)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS vm_limit(vm TEXT, driver TEXT, ppm INTEGER,"
	" PRIMARY KEY(vm, driver)) WITHOUT ROWID;";

int ledger_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return -EACCES;
	default:
		return -EAGAIN;
	}
}

const char *ledger_error(const struct ledger *l)
{
	return l->message;
}

uint64_t ledger_incarnation(const struct ledger *l)
{
	return l->incarnation;
}

void ledger_fail(struct ledger *l, int rc)
{
	if (l->error)
		return;
	l->error = rc;
	snprintf(l->message, sizeof(l->message), "%s", sqlite3_errmsg(l->db));
}

static int run(struct ledger *l, const char *sql)
{
	int rc = sqlite3_exec(l->db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		ledger_fail(l, rc);
	return rc;
}

/* First column of the first row as a number. */
static int number(struct ledger *l, const char *sql, int64_t *out)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(l->db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(s);
		if (rc == SQLITE_ROW) {
			*out = sqlite3_column_int64(s, 0);
			rc = SQLITE_OK;
		} else if (rc == SQLITE_DONE) {
			rc = SQLITE_CORRUPT; /* one row is always there */
		}
		sqlite3_finalize(s);
	}
	if (rc != SQLITE_OK)
		ledger_fail(l, rc);
	return rc;
}

static int damaged(struct ledger *l, const char *fmt, long long n)
{
	l->error = SQLITE_CORRUPT;
	snprintf(l->message, sizeof(l->message), fmt, n);
	return -EUCLEAN;
}

static int check_pages(struct ledger *l)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(l->db, "PRAGMA quick_check(1)", -1, &s, NULL);
	const char *found;
	char text[100] = "";
	bool ok = false;

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(s);
		found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
		ok = found && !strcmp(found, "ok");
		if (!ok)
			snprintf(text, sizeof(text), "%s", found ? found : "");
		sqlite3_finalize(s);
	}
	if (rc != SQLITE_ROW) {
		ledger_fail(l, rc);
		return ledger_errno(rc);
	}
	if (ok)
		return 0;
	l->error = SQLITE_CORRUPT;
	snprintf(l->message, sizeof(l->message), "database is damaged: %s", text);
	return -EUCLEAN;
}

static int create(struct ledger *l)
{
	int64_t tables = 0;
	uint64_t random;
	char sql[160];

	if (number(l, "SELECT count(*) FROM sqlite_master", &tables))
		return ledger_errno(l->error);
	if (tables)
		return damaged(l, "not an acctring ledger (it has %lld objects)", tables);
	do {
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -EAGAIN;
	} while (!random);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO meta VALUES('incarnation',%lld),('opened',0);PRAGMA user_version=%d;",
		 (long long)random, SCHEMA_VERSION);
	if (run(l, "BEGIN IMMEDIATE") || run(l, schema) || run(l, sql) || run(l, "COMMIT")) {
		sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
		return ledger_errno(l->error);
	}
	return 0;
}

static int check(struct ledger *l, bool full_sync)
{
	int64_t version = 0, incarnation = 0;
	int err;

	if (number(l, "PRAGMA user_version", &version))
		return ledger_errno(l->error);
	if (version != 0 && version != SCHEMA_VERSION)
		return damaged(l, "schema version %lld, this acctringd knows 1", version);
	if (run(l, "PRAGMA journal_mode=WAL") ||
	    run(l, full_sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"))
		return ledger_errno(l->error);
	err = version ? check_pages(l) : create(l);
	if (err)
		return err;
	if (number(l, "SELECT value FROM meta WHERE key='incarnation'", &incarnation))
		return ledger_errno(l->error);
	l->incarnation = (uint64_t)incarnation;
	/* a write that counts nothing: is there room, is it ours to write? */
	if (run(l, "BEGIN IMMEDIATE") || run(l, later) ||
	    run(l, "UPDATE meta SET value=value+1 WHERE key='opened'") || run(l, "COMMIT")) {
		sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
		return ledger_errno(l->error);
	}
	return 0;
}

/*
 * A file of its own: SQLite's locks on the database would be lost if we
 * closed another descriptor of it.
 */
static int lock_file(struct ledger *l, const char *path, char *why, size_t size)
{
	char name[4096];

	if ((size_t)snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name))
		return -EACCES;
	l->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock < 0) {
		snprintf(why, size, "%s: %s", name, strerror(errno));
		return errno == ENOSPC ? -EAGAIN : -EACCES;
	}
	if (flock(l->lock, LOCK_EX | LOCK_NB)) {
		snprintf(why, size, "%s: in use by another acctringd, allowed: one at a time",
			 path);
		return -EBUSY;
	}
	return 0;
}

int ledger_open(struct ledger **out, const char *path, bool full_sync, char *why, size_t size)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int err;

	if (!l) {
		snprintf(why, size, "%s", strerror(ENOMEM));
		return -EAGAIN;
	}
	l->lock = -1;
	err = lock_file(l, path, why, size);
	if (!err) {
		err = ledger_errno(sqlite3_open_v2(
			path, &l->db,
			SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
		if (err)
			snprintf(why, size, "%s: %s, allowed: a file that we can read and write",
				 path, sqlite3_errmsg(l->db));
	}
	if (!err) {
		sqlite3_extended_result_codes(l->db, 1);
		sqlite3_busy_timeout(l->db, 20);
		err = check(l, full_sync);
		if (err)
			snprintf(why, size, "%s: %s", path, l->message);
	}
	if (err) {
		ledger_close(l);
		return err;
	}
	*out = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	for (unsigned int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(l->put[i]);
	sqlite3_close(l->db);
	if (l->lock >= 0)
		close(l->lock);
	free(l);
}

int ledger_begin(struct ledger *l)
{
	l->error = 0;
	run(l, "BEGIN IMMEDIATE");
	return ledger_errno(l->error);
}

void ledger_abandon(struct ledger *l)
{
	sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
}

int ledger_end(struct ledger *l)
{
	if (!l->error)
		run(l, "COMMIT");
	if (l->error)
		ledger_abandon(l);
	return ledger_errno(l->error);
}
