/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger_impl.h - shared by the ledger's files.
 */
#ifndef ACCOUNTANT_LEDGER_IMPL_H
#define ACCOUNTANT_LEDGER_IMPL_H

#include "accountant/ledger.h"

#include <sqlite3.h>

enum statement_id {
	PUT_ACCOUNT,
	PUT_POSTED,
	PUT_SENDER,
	PUT_BASIS,
	PUT_DOMAIN,
	PUT_SERVED,
	PUT_EPOCH,
	PUT_LANE,
	PUT_SPENT,
	PUT_LIMIT,
	DROP_LIMIT,
	PUT_SHARE,
	PUT_PAYER,
	PUT_HELD,
	PUT_HELD_BASIS,
	DROP_HELD,
	DROP_HELD_BASIS,
	DROP_LANES,
	DROP_SPENT,
	DROP_PAYERS,
	DROP_SLOT,
	PURGE,
	PURGE_MANY,
	STATEMENTS
};

struct ledger {
	sqlite3 *db;
	int lock; /* fd of the lock file */
	int error; /* first of the transaction, SQLITE_* */
	uint64_t incarnation;
	sqlite3_stmt *put[STATEMENTS];
	char message[160];
};

/* Notes the first error of a transaction. */
void ledger_fail(struct ledger *l, int rc);
int ledger_errno(int rc);
/* Prepared once; NULL after an error. */
sqlite3_stmt *ledger_statement(struct ledger *l, enum statement_id id);
/* Runs and resets. */
void ledger_step(struct ledger *l, sqlite3_stmt *s);

#endif
