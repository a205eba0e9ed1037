/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who pays for a row: confirmed, not yet, never, and nobody can tell. */
#include "accountant/payers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct served_table table;

static int setup(void **ctx)
{
	(void)ctx;
	return served_init(&table) ? 0 : -1;
}

static int teardown(void **ctx)
{
	(void)ctx;
	served_free(&table);
	return 0;
}

static const struct served *says(uint64_t serial, uint8_t who, uint64_t at_ms)
{
	struct served_entry e = { .backend = 1, .domid = 2, .serial = serial, .uuid = { who } };

	return served_set(&table, &e, false, at_ms);
}

static const struct payer row = { .state = PAYER_UNRESOLVED, .since_ms = 1000, .before_ms = 990 };

static void confirmed(void **ctx)
{
	const struct served *s = says(1, 1, 500);

	(void)ctx;
	assert_int_equal(payer_judge(&row, s, true, 1000, 10000), PAYER_BILL);
	assert_int_equal(payer_judge(&row, s, false, 1000, 10000), PAYER_BILL);
}

static void not_yet_then_never(void **ctx)
{
	(void)ctx;
	assert_int_equal(payer_judge(&row, NULL, true, 1000, 10000), PAYER_WAIT);
	assert_int_equal(payer_judge(&row, NULL, true, 10999, 10000), PAYER_WAIT);
	assert_int_equal(payer_judge(&row, NULL, true, 11000, 10000), PAYER_REFUSE);
}

/* The node vanished: what the ledger remembers confirms nothing. */
static void no_longer_named(void **ctx)
{
	const struct served *s = says(1, 1, 500);

	(void)ctx;
	served_unset(&table, 1, 2);
	assert_int_equal(payer_judge(&row, s, true, 1001, 10000), PAYER_WAIT);
	s = says(1, 1, 1002);
	assert_int_equal(payer_judge(&row, s, true, 1003, 10000), PAYER_BILL);
}

/* Closed row, and the domid changed hands after the last drain before it. */
static void ambiguous(void **ctx)
{
	const struct served *s = says(1, 1, 500);

	(void)ctx;
	assert_int_equal(s->grown_ms, 0);
	s = says(2, 9, 995);
	assert_int_equal(s->grown_ms, 995);
	assert_int_equal(payer_judge(&row, s, false, 1000, 10000), PAYER_REFUSE);
	/* open now: it is the present owner's */
	assert_int_equal(payer_judge(&row, s, true, 1000, 10000), PAYER_BILL);
}

/* It changed hands before the posts can have been made. */
static void changed_long_ago(void **ctx)
{
	const struct served *s;

	(void)ctx;
	says(1, 1, 500);
	s = says(2, 9, 600);
	assert_int_equal(payer_judge(&row, s, false, 1000, 10000), PAYER_BILL);
	assert_int_equal(s->is.uuid[0], 9);
}

/* After a restart the remembered serial is what growth is measured by. */
static void remembered(void **ctx)
{
	struct served_entry e = { .backend = 1, .domid = 2, .serial = 4, .uuid = { 1 } };
	struct payer p = row;
	const struct served *s;

	(void)ctx;
	p.before_ms = 0; /* first drain after the restart: posts of any time */
	assert_non_null(served_restore(&table, &e));
	s = says(4, 1, 700);
	assert_int_equal(payer_judge(&p, s, false, 1000, 10000), PAYER_BILL);
	s = says(5, 2, 700);
	assert_int_equal(payer_judge(&p, s, false, 1000, 10000), PAYER_REFUSE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(confirmed), TEST(not_yet_then_never), TEST(no_longer_named),
		TEST(ambiguous), TEST(changed_long_ago),   TEST(remembered),
	};

	urcu_memb_register_thread();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
