/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Statements whose writer lies, dies, or never stands still: what is used
 * is one half as it was at one instant, or nothing.
 */
#include "collector/statement.h"

#include "common/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH 0x1234u
#define PAGES 16u
#define HALF (PAGES / 2 * STATEMENT_ROWS_PER_PAGE)

struct pages {
	struct acctring_statement_page head;
	struct acctring_statement_row row[PAGES * STATEMENT_ROWS_PER_PAGE];
} __attribute__((aligned(4096)));

static struct pages k;
static struct stmt_head head;
static struct statement out;
static const char *reason;

static int open_it(uint64_t epoch)
{
	return stmt_open(&head, &k.head, epoch, &reason);
}

static int copy(void)
{
	return stmt_copy(&out, &head, &k.head, k.row, &reason);
}

static void begin(void)
{
	reason = NULL;
	memset(&k, 0, sizeof(k));
	k.head.magic = ACCTRING_MAGIC_STATEMENT;
	k.head.version = ACCTRING_ABI_VERSION;
	k.head.pages = PAGES;
	k.head.epoch = EPOCH;
	k.head.incarnation = 99;
	k.head.alive = 1;
	assert_int_equal(open_it(EPOCH), 0);
}

static void opens(void **state)
{
	unsigned int i;

	(void)state;
	begin();
	for (i = 0; i < ACCTRING_STATEMENT_MAX_PAGES; i++)
		k.head.ref[i] = i + 100;
	assert_int_equal(open_it(EPOCH), 0);
	assert_int_equal(head.pages, PAGES);
	assert_int_equal(head.incarnation, 99);
	assert_int_equal(head.ref[0], 100);
	assert_int_equal(head.ref[63], 163);
	assert_true(stmt_alive(&k.head));
	k.head.alive = 0;
	assert_false(stmt_alive(&k.head));
}

static void refuses_heads(void **state)
{
	static const uint32_t pages[] = { 0, 1, 3, 63, 65, 66, 1u << 31, UINT32_MAX };
	size_t i;

	(void)state;
	begin();
	assert_int_equal(open_it(EPOCH + 1), -ESTALE);
	assert_string_equal(reason, "the page is not the one that was announced");
	k.head.magic++;
	assert_int_equal(open_it(EPOCH), -ESTALE);
	begin();
	k.head.version = 2u << 16;
	assert_int_equal(open_it(EPOCH), -EPROTONOSUPPORT);
	assert_string_equal(reason, "version not supported");
	k.head.version = 0;
	assert_int_equal(open_it(EPOCH), -EPROTONOSUPPORT);
	k.head.version = ACCTRING_ABI_VERSION | 0xffff; /* a later minor is welcome */
	assert_int_equal(open_it(EPOCH), 0);
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		k.head.pages = pages[i];
		assert_int_equal(open_it(EPOCH), -EPROTO);
		assert_string_equal(reason, "geometry out of range");
	}
}

static struct acctring_statement_row vm_row(uint64_t n)
{
	struct acctring_statement_row row = { .what = ACCTRING_STMT_VM };

	row.vbd_ns = n;
	row.vif_ns = 2 * n;
	row.other_ns = 3 * n;
	row.charged_ns = 6 * n;
	return row;
}

static void reads_the_valid_half(void **state)
{
	(void)state;
	begin();
	k.head.rows[0] = 1;
	k.head.rows[1] = 2;
	k.head.t_ns[0] = 10;
	k.head.t_ns[1] = 11;
	k.row[0] = vm_row(1);
	k.row[HALF] = vm_row(7);
	k.row[HALF + 1] = vm_row(8);
	assert_int_equal(copy(), 0);
	assert_int_equal(out.rows, 1);
	assert_int_equal(out.t_ns, 10);
	assert_int_equal(out.incarnation, 99);
	assert_int_equal(out.row[0].charged_ns, 6);
	k.head.turn = UINT32_MAX;
	assert_int_equal(copy(), 0);
	assert_int_equal(out.turn, UINT32_MAX);
	assert_int_equal(out.rows, 2);
	assert_int_equal(out.t_ns, 11);
	assert_int_equal(out.row[1].charged_ns, 48);
}

static void refuses_rows(void **state)
{
	(void)state;
	begin();
	k.head.rows[0] = HALF;
	assert_int_equal(copy(), 0);
	k.head.rows[0] = HALF + 1;
	assert_int_equal(copy(), -EPROTO);
	assert_string_equal(reason, "more rows than its pages hold");
	k.head.rows[0] = UINT32_MAX;
	assert_int_equal(copy(), -EPROTO);
}

/* A driver domain that lies is left out; the rows about others are there. */
static void drops_rows_that_do_not_hold(void **state)
{
	(void)state;
	begin();
	k.head.rows[0] = 5;
	k.row[0] = vm_row(1);
	k.row[1] = vm_row(2);
	k.row[1].charged_ns++;
	k.row[1].backend = 9;
	k.row[2] = vm_row(3);
	k.row[3] = vm_row(4);
	k.row[3].vbd_ns = UINT64_MAX; /* wraps to the right sum */
	k.row[3].vif_ns = 1;
	k.row[3].other_ns = 5;
	k.row[3].charged_ns = 5;
	k.row[4] = vm_row(5);
	k.row[4].what = 0;
	assert_int_equal(copy(), 0);
	assert_int_equal(out.rows, 2);
	assert_int_equal(out.row[0].vbd_ns, 1);
	assert_int_equal(out.row[1].vbd_ns, 3);
	assert_int_equal(out.dropped, 3);
	assert_int_equal(out.bad.backend, 9);
	assert_string_equal(out.why, "charged_ns is not the sum of its kinds");
	k.row[1] = vm_row(2);
	k.row[3].what = 77; /* a later minor's */
	k.row[4].what = 0;
	assert_int_equal(copy(), 0);
	assert_int_equal(out.rows, 4);
	assert_int_equal(out.dropped, 1);
	assert_string_equal(out.why, "it is of no kind");
	k.head.rows[0] = 4;
	k.row[0].shared_ns = k.row[0].charged_ns;
	assert_int_equal(copy(), 0);
	assert_int_equal(out.dropped, 0);
	assert_int_equal(out.row[0].shared_ns, 6);
	k.row[2].shared_ns = k.row[2].charged_ns + 1;
	assert_int_equal(copy(), 0);
	assert_int_equal(out.dropped, 1);
	assert_string_equal(out.why, "shared_ns is more than charged_ns");
}

/* The geometry that counts is the one that was checked. */
static void geometry_is_copied_once(void **state)
{
	(void)state;
	begin();
	k.head.pages = 64;
	k.head.rows[0] = 1000;
	assert_int_equal(copy(), -EPROTO);
}

/* ---- a writer that never stands still ---- */

struct flipper {
	pthread_t thread;
	bool stop;
	bool honest; /* fills the half that is not valid, before it flips */
};

/* All words of a row are made from the number of the turn. */
static void fill(uint32_t turn)
{
	uint32_t half = turn & 1, rows = (uint32_t)HALF, i;

	__atomic_store_n(&k.head.rows[half], rows, __ATOMIC_RELEASE);
	__atomic_store_n(&k.head.t_ns[half], turn, __ATOMIC_RELEASE);
	for (i = 0; i < rows; i++) {
		struct acctring_statement_row row = vm_row(turn), *to;
		uint64_t word[sizeof(row) / 8];
		size_t n;

		to = &k.row[half * HALF + i];
		memcpy(word, &row, sizeof(row));
		for (n = 0; n < sizeof(row) / 8; n++)
			__atomic_store_n((uint64_t __attribute__((may_alias)) *)to + n, word[n],
					 __ATOMIC_RELEASE);
	}
}

static void *flip(void *arg)
{
	struct flipper *f = arg;
	struct timespec pause = { 0, 20000 };
	uint32_t turn = 0;

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		if (f->honest) {
			fill(++turn);
			if (turn % 64 == 0)
				nanosleep(&pause, NULL);
		} else {
			turn++;
		}
		__atomic_store_n(&k.head.turn, turn, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void check_whole(void)
{
	uint32_t i;

	assert_int_equal(out.rows, HALF);
	assert_int_equal(out.t_ns, out.turn);
	for (i = 0; i < out.rows; i++) {
		assert_int_equal(out.row[i].vbd_ns, out.turn);
		assert_int_equal(out.row[i].charged_ns, 6 * (uint64_t)out.turn);
	}
}

static void a_half_is_whole_or_nothing(void **state)
{
	struct flipper f = { .honest = true };
	unsigned int i, got = 0;
	int err;

	(void)state;
	begin();
	fill(0);
	assert_int_equal(pthread_create(&f.thread, NULL, flip, &f), 0);
	for (i = 0; i < 20000; i++) {
		err = copy();
		assert_true(err == 0 || err == -EAGAIN);
		if (err)
			continue;
		check_whole();
		got++;
	}
	__atomic_store_n(&f.stop, true, __ATOMIC_RELAXED);
	pthread_join(f.thread, NULL);
	print_message("# %u of 20000 reads found a half that stood still\n", got);
	assert_true(got > 0);
}

/* It only flips, as fast as it can: the reader gives up after four tries. */
static void a_flipper_cannot_hold_us(void **state)
{
	struct flipper f = { .honest = false };
	unsigned int i, again = 0;
	uint64_t began = now_ms();
	int err;

	(void)state;
	begin();
	fill(0);
	fill(1);
	assert_int_equal(pthread_create(&f.thread, NULL, flip, &f), 0);
	/* on one free CPU the flipper may be late: go on until it was met */
	do {
		for (i = 0; i < 20000; i++) {
			err = copy();
			assert_true(err == 0 || err == -EAGAIN);
			again += err == -EAGAIN;
		}
	} while (!again && now_ms() - began < 30000);
	__atomic_store_n(&f.stop, true, __ATOMIC_RELAXED);
	pthread_join(f.thread, NULL);
	print_message("# %u reads gave up\n", again);
	assert_true(again > 0);
	/* 20000 times four tries of 256 rows: a second or so, never a hang */
	assert_true(now_ms() - began < 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens),
		cmocka_unit_test(refuses_heads),
		cmocka_unit_test(reads_the_valid_half),
		cmocka_unit_test(refuses_rows),
		cmocka_unit_test(drops_rows_that_do_not_hold),
		cmocka_unit_test(geometry_is_copied_once),
		cmocka_unit_test(a_half_is_whole_or_nothing),
		cmocka_unit_test(a_flipper_cannot_hold_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
