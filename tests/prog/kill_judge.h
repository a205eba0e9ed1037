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
		    " WHERE backend=?1 AND kind=1 AND hex(substr(uuid,1,1)) IN ('22','33')"
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
};

static inline void judge_lane(struct judge_total *t, const struct judge_lane *is, uint64_t seed,
			      uint32_t index, uint32_t lane, const struct kill_lane *o, bool lost)
{
	struct judge_lane want = { 0 };

	for (uint64_t i = 0; i < o->done; i++)
		judge_add(&want, seed, index, lane, i);
	t->posts += o->done;
	if (lost) { /* a part of it, no more */
		uint64_t there = judge_posts(is);

		t->wrong += there > o->started;
		t->lost += o->done > there ? o->done - there : 0;
		return;
	}
	if (!memcmp(is, &want, sizeof(want))) {
		t->cut += o->started == o->done + 1;
		return;
	}
	if (o->started == o->done + 1) {
		judge_add(&want, seed, index, lane, o->done);
		if (!memcmp(is, &want, sizeof(want))) {
			t->in_flight++;
			return;
		}
	}
	t->wrong++;
	printf("# incarnation %u lane %u: done %" PRIu64 " started %" PRIu64 ", ledger has %" PRIu64
	       " posts\n",
	       index, lane, o->done, o->started, judge_posts(is));
}

/*
 * `lost`: the two incarnations of which a part may be missing; `alone`: no
 * other backend posted, so nothing may be refused or held.
 */
static inline bool judge(const char *dir, uint64_t seed, struct kill_oracle **oracle, uint32_t n,
			 const uint32_t lost[2], bool alone)
{
	struct judge_lane *is = judge_load(dir);
	struct judge_total t = { 0 };
	uint64_t stray;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t l = 0; l < KILL_LANES; l++)
			judge_lane(&t, &is[i * KILL_LANES + l], seed, i, l, &oracle[i]->lane[l],
				   i == lost[0] || i == lost[1]);
	stray = judge_number(dir, "SELECT count(*) FROM posted WHERE kind=0") +
		judge_number(dir, "SELECT count(*) FROM held");
	printf("# incarnations=%u posts=%" PRIu64 " records=%" PRIu64 " spilled=%" PRIu64
	       " overflowed=%" PRIu64 " in_flight_committed=%" PRIu64 " in_flight_not_made=%" PRIu64
	       "\n",
	       n, t.posts, judge_number(dir, "SELECT sum(records) FROM epoch"),
	       judge_number(dir, "SELECT sum(spilled) FROM epoch"),
	       judge_number(dir, "SELECT sum(overflowed) FROM epoch"), t.in_flight, t.cut);
	printf("# lanes_wrong=%" PRIu64 " stray=%" PRIu64 " lossy_states_lost=%" PRIu64
	       " epochs_lost=%u\n",
	       t.wrong, stray, t.lost, judge_epochs_lost(dir));
	free(is);
	return !t.wrong && (!alone || !stray);
}

#endif
