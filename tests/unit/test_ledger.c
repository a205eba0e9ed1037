/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger: what was committed is there again, what was not is not. */
#include "accountant/ledger.h"

#include "accountant/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96], why[256];

static int setup(void **ctx)
{
	(void)ctx;
	strcpy(dir, "/tmp/test_ledger.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/l.db", dir);
	return 0;
}

static int teardown(void **ctx)
{
	static const char *const suffix[] = { "", "-wal", "-shm", ".lock" };
	char name[128];

	(void)ctx;
	for (unsigned int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
		unlink(name);
	}
	return rmdir(dir);
}

static struct ledger *must_open(void)
{
	struct ledger *l = NULL;
	int err = ledger_open(&l, path, false, why, sizeof(why));

	if (err)
		print_error("# %s\n", why);
	assert_int_equal(err, 0);
	return l;
}

static const struct account_key vm = { .backend = 1, .kind = 1, .device = 51712, .uuid = { 9 } };

static void put(struct ledger *l, uint32_t pos, uint64_t ns)
{
	struct accounts a;
	struct account *x;
	struct epoch e = { .id = { .epoch = 0xfedcba9876543210ull, .domid = 1, .slot = 3 },
			   .state = EPOCH_OPEN,
			   .lanes = 2,
			   .program = "p" };
	struct lane_entry lane = { .state = { .pos = pos, .ack = 4, .cpu_ns = 5, .rows = 1 } };

	assert_true(accounts_init(&a));
	x = accounts_get(&a, &vm);
	account_post(&a, x, 2, &(struct sums){ 1, 2, 3, ns });
	x->due_basis_ns[BASIS_THREAD] = 70;
	account_charge(&a, x, 70);
	lane.state.base[0].ns = UINT64_MAX;
	lane.state.base[ACCTRING_ROW_OVERFLOW].units = 8;
	ledger_put_account(l, x);
	ledger_put_epoch(l, &e);
	ledger_put_lane(l, &e.id, 1, &lane);
	accounts_free(&a);
}

static uint64_t load_ns(struct ledger *l, struct account *copy)
{
	struct accounts a;
	const struct account *x;
	uint64_t ns = 0;

	assert_true(accounts_init(&a));
	assert_int_equal(ledger_load_accounts(l, &a), 0);
	urcu_memb_read_lock();
	x = accounts_find(&a, &vm);
	if (x) {
		ns = x->book.klass[2].ns;
		*copy = *x;
	}
	urcu_memb_read_unlock();
	accounts_free(&a);
	return ns;
}

static void commit_and_resume(void **ctx)
{
	struct ledger *l = must_open();
	uint64_t incarnation = ledger_incarnation(l);
	struct lane_entry lane[2] = { 0 };
	struct account x = { 0 };
	struct epoch e;

	(void)ctx;
	assert_true(incarnation != 0);
	assert_int_equal(ledger_begin(l), 0);
	put(l, 77, UINT64_MAX - 1);
	assert_int_equal(ledger_end(l), 0);
	ledger_close(l);

	l = must_open();
	assert_true(ledger_incarnation(l) == incarnation);
	assert_true(load_ns(l, &x) == UINT64_MAX - 1);
	assert_int_equal(x.book.charged_ns, 70);
	assert_int_equal(x.book.klass[2].bytes, 3);
	assert_int_equal(ledger_find_epoch(l, 1, 0xfedcba9876543210ull, &e), 0);
	assert_int_equal(e.id.slot, 3);
	assert_int_equal(e.state, EPOCH_OPEN);
	assert_int_equal(ledger_find_epoch(l, 1, 5, &e), -ENOENT);
	assert_int_equal(ledger_load_lanes(l, &e.id, lane, 2), 0);
	assert_int_equal(lane[0].state.pos, 0);
	assert_int_equal(lane[1].state.pos, 77);
	assert_true(lane[1].state.base[0].ns == UINT64_MAX);
	assert_int_equal(lane[1].state.base[ACCTRING_ROW_OVERFLOW].units, 8);
	ledger_close(l);
}

static void rolled_back(void **ctx)
{
	struct ledger *l = must_open();
	struct account x = { 0 };
	struct epoch e;

	(void)ctx;
	assert_int_equal(ledger_begin(l), 0);
	put(l, 1, 10);
	assert_int_equal(ledger_end(l), 0);
	assert_int_equal(ledger_begin(l), 0);
	put(l, 2, 20);
	ledger_abandon(l);
	assert_int_equal(load_ns(l, &x), 10);
	/* killed in the middle: closing without the end is the same */
	assert_int_equal(ledger_begin(l), 0);
	put(l, 3, 30);
	ledger_close(l);
	l = must_open();
	assert_int_equal(load_ns(l, &x), 10);
	assert_int_equal(ledger_find_epoch(l, 1, 0xfedcba9876543210ull, &e), 0);
	ledger_close(l);
}

static void tombstone(void **ctx)
{
	struct ledger *l = must_open();
	struct epoch e = { .id = { .epoch = 1, .domid = 1 }, .state = EPOCH_CLOSED, .lanes = 1 };
	struct lane_entry lane = { .state = { .pos = 9 } };

	(void)ctx;
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_lane(l, &e.id, 0, &lane);
	ledger_put_epoch(l, &e);
	ledger_drop_epoch(l, &e.id);
	ledger_purge(l);
	assert_int_equal(ledger_end(l), 0);
	lane.state.pos = 0;
	assert_int_equal(ledger_load_lanes(l, &e.id, &lane, 1), 0);
	assert_int_equal(lane.state.pos, 0);
	assert_int_equal(ledger_find_epoch(l, 1, 1, &e), 0); /* kept a day */
	assert_int_equal(e.state, EPOCH_CLOSED);
	ledger_close(l);
}

static void count_payers(void *ctx, const struct payer_entry *p)
{
	unsigned int *n = ctx;

	assert_int_equal(p->row, 9);
	assert_int_equal(p->is.domid, 5);
	*n += 1;
	if (p->state == PAYER_UNRESOLVED)
		*n += 10 * (unsigned int)p->held->klass[3].units +
		      100 * (unsigned int)p->held->charged_ns;
}

static void payers_and_held(void **ctx)
{
	struct ledger *l = must_open();
	const struct acctring_link_id id = { .epoch = 6, .domid = 1 };
	struct book held = { .charged_ns = 4 };
	struct payer_entry p = { .epoch = 6,
				 .backend = 1,
				 .row = 9,
				 .state = PAYER_UNRESOLVED,
				 .is = { .domid = 5 },
				 .held = &held };
	unsigned int n = 0;

	(void)ctx;
	held.klass[3] = (struct sums){ 1, 2, 3, 4 };
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_payer(l, &p);
	assert_int_equal(ledger_end(l), 0);
	assert_int_equal(ledger_load_payers(l, &id, count_payers, &n), 0);
	assert_int_equal(n, 421);
	p.state = PAYER_RESOLVED;
	p.held = NULL;
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_payer(l, &p);
	assert_int_equal(ledger_end(l), 0);
	n = 0;
	assert_int_equal(ledger_load_payers(l, &id, count_payers, &n), 0);
	assert_int_equal(n, 1);
	ledger_close(l);
}

/* Another domain writes the same number into its own directory. */
static void epoch_of_another(void **ctx)
{
	struct ledger *l = must_open();
	struct epoch mine = { .id = { .epoch = 7, .domid = 1 }, .state = EPOCH_OPEN, .lanes = 1 };
	struct epoch other = { .id = { .epoch = 7, .domid = 2 },
			       .state = EPOCH_CLOSED,
			       .lanes = 1 };
	struct lane_entry lane = { .state = { .pos = 9 } };
	struct epoch e;

	(void)ctx;
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_epoch(l, &mine);
	ledger_put_lane(l, &mine.id, 0, &lane);
	ledger_put_epoch(l, &other);
	ledger_drop_epoch(l, &other.id);
	assert_int_equal(ledger_end(l), 0);
	assert_int_equal(ledger_find_epoch(l, 1, 7, &e), 0);
	assert_int_equal(e.state, EPOCH_OPEN);
	assert_true(e.changed_s > 0);
	assert_int_equal(ledger_find_epoch(l, 2, 7, &e), 0);
	assert_int_equal(e.state, EPOCH_CLOSED);
	lane.state.pos = 0;
	assert_int_equal(ledger_load_lanes(l, &mine.id, &lane, 1), 0);
	assert_int_equal(lane.state.pos, 9);
	ledger_close(l);
}

/* Of each driver domain the latest tombstones; what is open stays. */
static void many_tombstones(void **ctx)
{
	struct ledger *l = must_open();
	struct epoch e = { .id = { .epoch = 1, .domid = 2 }, .state = EPOCH_OPEN, .lanes = 1 };
	unsigned int left = 0;

	(void)ctx;
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_epoch(l, &e);
	e.state = EPOCH_CLOSED;
	e.id.domid = 3;
	ledger_put_epoch(l, &e);
	e.id.domid = 2;
	for (e.id.epoch = 2; e.id.epoch < TOMBSTONES_MAX + 1002; e.id.epoch++)
		ledger_put_epoch(l, &e);
	ledger_purge(l);
	assert_int_equal(ledger_end(l), 0);
	for (uint64_t i = 2; i < TOMBSTONES_MAX + 1002; i++)
		left += !ledger_find_epoch(l, 2, i, &e);
	assert_int_equal(left, TOMBSTONES_MAX);
	assert_int_equal(ledger_find_epoch(l, 2, 1, &e), 0);
	assert_int_equal(ledger_find_epoch(l, 3, 1, &e), 0);
	ledger_close(l);
}

static void one_accountant(void **ctx)
{
	struct ledger *l = must_open(), *second = NULL;

	(void)ctx;
	assert_int_equal(ledger_open(&second, path, false, why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "in use by another acctringd"));
	ledger_close(l);
}

/* Without the tables: as an older acctringd left it, or as one that ran in between did. */
static void older(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static int count(const char *sql)
{
	sqlite3_stmt *s;
	sqlite3 *db;
	int n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static void look_held(void *ctx, const struct payer_entry *p)
{
	memcpy(ctx, p->held, sizeof(*p->held));
}

static void bases(void **ctx)
{
	const struct acctring_link_id id = { .epoch = 6, .domid = 1 };
	struct book held = { .charged_ns = 9, .basis_ns = { 2, 3, 0, 4 } }, back = { 0 };
	struct payer_entry p = {
		.epoch = 6, .backend = 1, .row = 9, .state = PAYER_UNRESOLVED, .held = &held
	};
	struct account x = { .key = vm,
			     .due_ns = 10,
			     .due_basis_ns = { 1, 2, 3, 4 },
			     .based = true,
			     .book = { .charged_ns = 100, .basis_ns = { 10, 20, 30, 40 } },
			     .beside = { .ns = 77 } };
	struct ledger *l = must_open();

	(void)ctx;
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_account(l, &x);
	ledger_put_payer(l, &p);
	assert_int_equal(ledger_end(l), 0);
	ledger_close(l);
	l = must_open();
	load_ns(l, &x);
	for (unsigned int b = 0; b < BASES; b++) {
		assert_int_equal(x.book.basis_ns[b], 10 * (b + 1));
		assert_int_equal(x.due_basis_ns[b], b + 1);
	}
	assert_int_equal(x.beside.ns, 77);
	assert_true(x.based);
	assert_int_equal(ledger_load_payers(l, &id, look_held, &back), 0);
	assert_memory_equal(back.basis_ns, held.basis_ns, sizeof(held.basis_ns));
	p.state = PAYER_RESOLVED;
	p.held = NULL;
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_payer(l, &p);
	assert_int_equal(ledger_end(l), 0);
	ledger_close(l);
	assert_int_equal(count("SELECT count(*) FROM held_basis"), 0);
	/* downgraded, and upgraded again: it charged 50 more, and left 5 due */
	older("UPDATE account SET charged_ns=150, due_ns=5");
	l = must_open();
	load_ns(l, &x);
	assert_int_equal(x.book.basis_ns[BASIS_THREAD], 60);
	assert_int_equal(basis_sum(x.book.basis_ns), 150);
	assert_int_equal(basis_sum(x.due_basis_ns), 5);
	ledger_close(l);
	older("DROP TABLE basis; DROP TABLE held_basis");
	l = must_open();
	load_ns(l, &x);
	assert_int_equal(x.book.basis_ns[BASIS_THREAD], 150);
	assert_int_equal(x.due_basis_ns[BASIS_THREAD], 5);
	assert_false(x.based);
	ledger_close(l);
}

static void write_file(const char *text, size_t n, long at)
{
	FILE *f = fopen(path, at ? "r+" : "w");

	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

/* A file that is not ours stays as it is. */
static void damaged(void **ctx)
{
	struct ledger *l = NULL;
	char before[64] = "this is no database at all, but somebody's only copy of it    ";
	char after[64] = "";
	FILE *f;

	(void)ctx;
	write_file(before, sizeof(before), 0);
	assert_int_equal(ledger_open(&l, path, false, why, sizeof(why)), -EUCLEAN);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(after, 1, sizeof(after), f), sizeof(after));
	fclose(f);
	assert_memory_equal(before, after, sizeof(before));
	unlink(path);

	ledger_close(must_open());
	memset(before, 0x5a, sizeof(before));
	for (long at = 4096 + 4; at < 4096 * 3; at += (long)sizeof(before))
		write_file(before, sizeof(before), at);
	assert_int_equal(ledger_open(&l, path, false, why, sizeof(why)), -EUCLEAN);
}

static void no_directory(void **ctx)
{
	struct ledger *l = NULL;

	(void)ctx;
	assert_int_equal(ledger_open(&l, "/nonexistent/l.db", false, why, sizeof(why)), -EACCES);
}

static void see_limit(void *ctx, const char *name, const char *driver, uint64_t ppm)
{
	char *seen = ctx;
	size_t n = strlen(seen);

	snprintf(seen + n, 128 - n, "%s/%s/%d ", name, driver, (int)ppm);
}

static void see_spent(void *ctx, unsigned int lane, const struct lane_spent *s)
{
	struct spent_row row;
	uint64_t *sum = ctx;

	memcpy(&row, s->row, sizeof(row));
	*sum += row.ns + s->overflow_ns + lane + s->rows + s->pos + s->ack + s->known;
}

/* Commands, what is paid as a sender, what lanes count: all there after a restart. */
static void guard(void **ctx)
{
	const struct acctring_link_id id = { .epoch = 7, .domid = 1 };
	const struct spent_row row[2] = { { 9, 1000000 }, { 10, 5 } };
	const struct lane_spent spent = { 3, 4, true, 20000, row, 2 };
	struct ledger *l = must_open();
	struct account x = { .key = vm, .due_ns = 9, .due_sent_ns = 8, .sent_ns = 70 };
	char seen[128] = "";
	uint64_t sum = 0;
	int share = -1;

	(void)ctx;
	assert_int_equal(ledger_load_share(l, &share), 0);
	assert_int_equal(share, -1);
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_limit(l, "web", "", 50000);
	ledger_put_limit(l, "web", "netvm", 20000);
	ledger_put_limit(l, "web", "", 60000);
	ledger_put_share(l, true);
	ledger_put_spent(l, &id, 300, &spent);
	ledger_put_account(l, &x);
	assert_int_equal(ledger_end(l), 0);
	ledger_close(l);
	l = must_open();
	assert_int_equal(ledger_load_limits(l, see_limit, seen), 0);
	assert_string_equal(seen, "web//60000 web/netvm/20000 ");
	assert_int_equal(ledger_load_share(l, &share), 0);
	assert_int_equal(share, 1);
	assert_int_equal(ledger_load_spent(l, &id, see_spent, &sum), 0);
	assert_int_equal(sum, 1000000 + 20000 + 300 + 2 + 3 + 4 + 1);
	load_ns(l, &x);
	assert_int_equal(x.sent_ns, 70);
	assert_int_equal(x.due_sent_ns, 8);
	assert_int_equal(ledger_begin(l), 0);
	ledger_put_limit(l, "web", "netvm", 0);
	ledger_drop_epoch(l, &id);
	assert_int_equal(ledger_end(l), 0);
	seen[0] = 0;
	sum = 0;
	assert_int_equal(ledger_load_limits(l, see_limit, seen), 0);
	assert_string_equal(seen, "web//60000 ");
	assert_int_equal(ledger_load_spent(l, &id, see_spent, &sum), 0);
	assert_int_equal(sum, 0);
	ledger_close(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(guard),
		TEST(commit_and_resume),
		TEST(rolled_back),
		TEST(tombstone),
		TEST(payers_and_held),
		TEST(one_accountant),
		TEST(damaged),
		TEST(no_directory),
		TEST(epoch_of_another),
		TEST(many_tombstones),
		TEST(bases),
	};

	urcu_memb_register_thread();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
