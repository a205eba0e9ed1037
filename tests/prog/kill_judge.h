/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_judge.h - compares a ledger with what backends posted.
 */
#ifndef TESTS_KILL_JUDGE_H
#define TESTS_KILL_JUDGE_H

#include "tests/prog/kill.h"

#include <err.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILL_MAX 2000u /* incarnations of backends */
#define KILL_DEVICES (KILL_MAX * KILL_LANES * KILL_PAYERS)

/*
 * What may have become of what an incarnation posted.  Of epochs that nobody
 * could ever map the ledger keeps no row but the latest of each slot (a liar may name
 * any number of them); they are in the count.
 */
enum kill_fate {
	KILL_KEPT, /* all of it is in the ledger */
	KILL_MAY_LOSE, /* a part of it is missing if, and only if, its epoch counts as lost */
	KILL_UNSEEN, /* the same; or it ended before its link was offered: nothing then */
	KILL_LOST, /* its epoch counts as lost */
};

struct judge_sums {
	uint64_t posts, units, bytes, ns;
};

/* Of one lane, by payer and class. */
struct judge_lane {
	struct judge_sums s[KILL_PAYERS][KILL_CLASSES];
};

static inline sqlite3 *judge_open(const char *dir)
{
	char path[4096];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		errx(1, "%s: %s", path, sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, 1000);
	return db;
}

static inline uint64_t judge_number(const char *dir, const char *sql)
{
	sqlite3 *db = judge_open(dir);
	sqlite3_stmt *s;
	uint64_t n = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		errx(1, "%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(s) == SQLITE_ROW)
		n = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static inline unsigned int judge_open_epochs(const char *dir)
{
	return (unsigned int)judge_number(dir, "SELECT count(*) FROM epoch WHERE state=1");
}

static inline unsigned int judge_epochs_lost(const char *dir)
{
	return (unsigned int)judge_number(dir, "SELECT sum(epochs_lost) FROM domain");
}

static inline void judge_add(struct judge_lane *to, uint64_t seed, uint32_t index, uint32_t lane,
			     uint64_t i)
{
	struct acctring_cost c = kill_cost(seed, index, lane, i);
	struct judge_sums *s = &to->s[c.payer][c.klass - ACCTRING_CLASS_READ];

	s->posts++;
	s->units += c.units;
	s->bytes += c.bytes;
	s->ns += c.ns;
}

static inline struct judge_lane *judge_load(const char *dir)
{
	struct judge_lane *all = calloc(KILL_MAX * KILL_LANES, sizeof(*all));
	sqlite3 *db = judge_open(dir);
	sqlite3_stmt *s;

	if (!all ||
	    sqlite3_prepare_v2(
		    db,
		    "SELECT device,class,posts,units,bytes,ns FROM posted"
		    " WHERE backend=?1 AND kind=1 AND hex(substr(uuid,1,1)) IN ('22','33','BA')"
		    " AND device<>4242",
		    -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_bind_int(s, 1, atoi(kill_domid())) != SQLITE_OK)
		errx(1, "ledger: %s", sqlite3_errmsg(db));
	while (sqlite3_step(s) == SQLITE_ROW) {
		uint32_t device = (uint32_t)sqlite3_column_int64(s, 0);
		uint32_t klass = (uint32_t)sqlite3_column_int64(s, 1) - ACCTRING_CLASS_READ;
		struct judge_sums *to;

		if (device >= KILL_DEVICES || klass >= KILL_CLASSES)
			errx(1, "ledger: device %u, class %u", device, klass);
		to = &all[device / KILL_PAYERS].s[device % KILL_PAYERS][klass];
		to->posts += (uint64_t)sqlite3_column_int64(s, 2);
		to->units += (uint64_t)sqlite3_column_int64(s, 3);
		to->bytes += (uint64_t)sqlite3_column_int64(s, 4);
		to->ns += (uint64_t)sqlite3_column_int64(s, 5);
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return all;
}

static inline uint64_t judge_posts(const struct judge_lane *l)
{
	uint64_t n = 0;

	for (unsigned int p = 0; p < KILL_PAYERS; p++)
		for (unsigned int c = 0; c < KILL_CLASSES; c++)
			n += l->s[p][c].posts;
	return n;
}

struct judge_total {
	uint64_t posts, in_flight, cut, wrong, lost;
	uint64_t epochs_lost, unseen; /* that count as lost; that may */
};

/* 0: the ledger does not know the epoch. */
static inline unsigned int judge_epoch_state(sqlite3 *db, uint64_t epoch)
{
	sqlite3_stmt *s;
	unsigned int state = 0;

	if (sqlite3_prepare_v2(db, "SELECT state FROM epoch WHERE epoch=?1 AND backend=?2", -1, &s,
			       NULL) != SQLITE_OK ||
	    sqlite3_bind_int64(s, 1, (int64_t)epoch) != SQLITE_OK ||
	    sqlite3_bind_int(s, 2, atoi(kill_domid())) != SQLITE_OK)
		errx(1, "ledger: %s", sqlite3_errmsg(db));
	if (sqlite3_step(s) == SQLITE_ROW)
		state = (unsigned int)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return state;
}

/* Exactly what was done, or one more that was in flight. */
static inline bool judge_exact(struct judge_total *t, const struct judge_lane *is, uint64_t seed,
			       uint32_t index, uint32_t lane, const struct kill_lane *o)
{
	struct judge_lane want = { 0 };

	for (uint64_t i = 0; i < o->done; i++)
		judge_add(&want, seed, index, lane, i);
	if (!memcmp(is, &want, sizeof(want))) {
		t->cut += o->started == o->done + 1;
		return true;
	}
	if (o->started != o->done + 1)
		return false;
	judge_add(&want, seed, index, lane, o->done);
	if (memcmp(is, &want, sizeof(want)) != 0)
		return false;
	t->in_flight++;
	return true;
}

static inline void judge_lane(struct judge_total *t, const struct judge_lane *is, uint64_t seed,
			      uint32_t index, uint32_t lane, const struct kill_lane *o, bool lost)
{
	uint64_t there = judge_posts(is);

	t->posts += o->done;
	if (lost && there <= o->started) { /* a part of it, no more */
		t->lost += o->done > there ? o->done - there : 0;
		return;
	}
	if (!lost && judge_exact(t, is, seed, index, lane, o))
		return;
	t->wrong++;
	printf("# incarnation %u lane %u: done %" PRIu64 " started %" PRIu64 ", ledger has %" PRIu64
	       " posts\n",
	       index, lane, o->done, o->started, there);
}

/* Whether the ledger says what may be said of this incarnation's epoch; sets `lost`. */
static inline bool judge_fate(struct judge_total *t, sqlite3 *db, const struct kill_oracle *o,
			      enum kill_fate fate, bool *lost)
{
	unsigned int state = o->epoch ? judge_epoch_state(db, o->epoch) : 0;

	*lost = state == 4 || (!state && fate != KILL_KEPT);
	t->epochs_lost += *lost && (state || fate != KILL_UNSEEN);
	t->unseen += !state && fate == KILL_UNSEEN;
	switch (fate) {
	case KILL_KEPT:
		return state == 1 || state == 2;
	case KILL_LOST:
		return state == 0 || state == 4;
	default:
		return state == 0 || state == 2 || state == 4;
	}
}

static inline void judge_incarnation(struct judge_total *t, sqlite3 *db,
				     const struct judge_lane *is, uint64_t seed, uint32_t index,
				     const struct kill_oracle *o, enum kill_fate fate)
{
	bool lost;

	if (!judge_fate(t, db, o, fate, &lost)) {
		t->wrong++;
		printf("# incarnation %u: epoch %016" PRIx64 " is in state %u, fate %u\n", index,
		       o->epoch, judge_epoch_state(db, o->epoch), (unsigned int)fate);
	}
	for (uint32_t l = 0; l < KILL_LANES; l++)
		judge_lane(t, &is[l], seed, index, l, &o->lane[l], lost);
}

/*
 * `alone`: no other backend posted, so nothing may be refused or held, and
 * each epoch that counts as lost is one of ours.
 */
static inline bool judge(const char *dir, uint64_t seed, struct kill_oracle **oracle, uint32_t n,
			 const enum kill_fate *fate, bool alone)
{
	struct judge_lane *is = judge_load(dir);
	sqlite3 *db = judge_open(dir);
	struct judge_total t = { 0 };
	unsigned int epochs_lost = judge_epochs_lost(dir);
	uint64_t stray;

	for (uint32_t i = 0; i < n; i++)
		judge_incarnation(&t, db, &is[i * KILL_LANES], seed, i, oracle[i], fate[i]);
	sqlite3_close(db);
	stray = judge_number(dir, "SELECT count(*) FROM posted WHERE kind=0") +
		judge_number(dir, "SELECT count(*) FROM held");
	printf("# incarnations=%u posts=%" PRIu64 " records=%" PRIu64 " spilled=%" PRIu64
	       " overflowed=%" PRIu64 " in_flight_committed=%" PRIu64 " in_flight_not_made=%" PRIu64
	       "\n",
	       n, t.posts, judge_number(dir, "SELECT sum(records) FROM epoch"),
	       judge_number(dir, "SELECT sum(spilled) FROM epoch"),
	       judge_number(dir, "SELECT sum(overflowed) FROM epoch"), t.in_flight, t.cut);
	printf("# lanes_wrong=%" PRIu64 " stray=%" PRIu64 " epochs_lost=%u expected=%" PRIu64
	       "..%" PRIu64 " posts_lost_with_them=%" PRIu64 "\n",
	       t.wrong, stray, epochs_lost, t.epochs_lost, t.epochs_lost + t.unseen, t.lost);
	free(is);
	return !t.wrong && (!alone || (!stray && epochs_lost >= t.epochs_lost &&
				       epochs_lost <= t.epochs_lost + t.unseen));
}

#endif
