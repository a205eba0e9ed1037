/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bills: sums over all driver domains, exact, never silently less.
 */
#include "collector/bill.h"

#include "collector/limit.h"
#include "common/kv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t one[16] = { 1 }, two[16] = { 2 };

static struct acctring_statement_row row(uint64_t n)
{
	struct acctring_statement_row r = { .what = ACCTRING_STMT_VM };

	r.charged_ns = 6 * n;
	r.posted_ns = 7 * n;
	r.units = 8 * n;
	r.bytes = 9 * n;
	r.vbd_ns = n;
	r.vif_ns = 2 * n;
	r.other_ns = 3 * n;
	return r;
}

static void sums(void **state)
{
	struct bill_book book = { 0 };
	struct acctring_statement_row r;
	const struct bill *b;
	unsigned int i;

	(void)state;
	for (i = 1; i <= 100; i++) {
		uint8_t uuid[16] = { (uint8_t)i, 5 };

		r = row(i);
		assert_true(bill_add(bill_of(&book, uuid), &r));
		assert_true(bill_add(bill_of(&book, one), &r));
	}
	assert_int_equal(book.bills, 101);
	b = bill_of(&book, one);
	assert_int_equal(b->charged_ns, 6 * 5050);
	assert_int_equal(b->posted_ns, 7 * 5050);
	assert_int_equal(b->units, 8 * 5050);
	assert_int_equal(b->bytes, 9 * 5050);
	assert_int_equal(b->vbd_ns + b->vif_ns + b->other_ns, b->charged_ns);
	bill_book_free(&book);
}

static void overflow_adds_nothing(void **state)
{
	struct acctring_statement_row r = row(1);
	struct bill b = { .charged_ns = UINT64_MAX - 5, .units = 5 }, was = b;

	(void)state;
	assert_false(bill_add(&b, &r));
	assert_memory_equal(&b, &was, sizeof(b));
	b.charged_ns--;
	assert_true(bill_add(&b, &r));
	assert_true(b.charged_ns == UINT64_MAX);
}

/* One driver domain claims all there is: what others charge is added all the same. */
static void claims_saturate(void **state)
{
	struct acctring_statement_row liar = row(1), r = row(1);
	struct bill b = { 0 };

	(void)state;
	liar.posted_ns = liar.units = liar.bytes = UINT64_MAX;
	assert_true(bill_add(&b, &liar));
	assert_true(bill_add(&b, &r));
	assert_int_equal(b.charged_ns, 12);
	assert_int_equal(b.vbd_ns + b.vif_ns + b.other_ns, 12);
	assert_true(b.posted_ns == UINT64_MAX && b.units == UINT64_MAX && b.bytes == UINT64_MAX);
}

/* What of it rests on shared pools: of what is billed, and never more than that. */
static void shared(void **state)
{
	struct acctring_statement_row r = row(10), base = row(1), out;
	struct bill b = { 0 }, back;
	char line[BILL_LINE];

	(void)state;
	bill_line(&b, 1, line);
	assert_null(strstr(line, "shared"));
	r.shared_ns = 20;
	assert_true(bill_add(&b, &r));
	assert_true(bill_add(&b, &r));
	bill_line(&b, 1, line);
	assert_non_null(strstr(line, " shared_ns=40"));
	assert_true(bill_parse(line, &back));
	assert_true(bill_equal(&b, &back));
	back.shared_ns--;
	assert_false(bill_equal(&b, &back));
	assert_false(bill_went_back(&b, &back)); /* only what it says of a charge */
	base.shared_ns = 6;
	assert_true(bill_above(&r, &base, &out));
	assert_int_equal(out.shared_ns, 14);
	base.shared_ns = 21; /* an older accountant follows, that does not say */
	assert_true(bill_above(&r, &base, &out));
	assert_int_equal(out.shared_ns, 0);
	r.shared_ns = r.charged_ns;
	base.shared_ns = 0;
	assert_true(bill_above(&r, &base, &out));
	assert_int_equal(out.shared_ns, out.charged_ns);
	base = row(11);
	assert_false(bill_above(&r, &base, &out));
	assert_int_equal(out.shared_ns | out.charged_ns, 0);
	/* of an older collector */
	back.shared_ns = 5;
	*strstr(line, " shared_ns") = 0;
	assert_true(bill_parse(line, &back));
	assert_int_equal(back.shared_ns, 0);
}

static void limits(void **state)
{
	struct limit l = { .b = 1 };

	(void)state;
	limit_owner(&l, one);
	limit_see(&l, 100);
	assert_int_equal(limit_judge(&l, 100, 0), LIMIT_FITS);
	assert_int_equal(limit_judge(&l, 101, 0), LIMIT_OVER);
	limit_see(&l, 90); /* a clock that goes back gives nothing twice */
	limit_see(&l, 100);
	assert_int_equal(limit_judge(&l, 101, 0), LIMIT_OVER);
	/* another domain of that number: its clock begins anew, the ledger goes on */
	limit_owner(&l, one);
	limit_owner(&l, two);
	limit_see(&l, 10);
	assert_int_equal(limit_judge(&l, 110, 0), LIMIT_FITS);
	assert_int_equal(limit_judge(&l, 111, 0), LIMIT_OVER);
	l.spent_ns = 30; /* billed to VMs that are no more */
	assert_int_equal(limit_judge(&l, 80, 0), LIMIT_FITS);
	assert_int_equal(limit_judge(&l, 81, 0), LIMIT_OVER);
	l.spent_ns = 0;
	limit_see(&l, UINT64_MAX);
	assert_int_equal(limit_judge(&l, UINT64_MAX, 0), LIMIT_FITS);
	l.spent_ns = UINT64_MAX;
	assert_int_equal(limit_judge(&l, UINT64_MAX, UINT64_MAX), LIMIT_BASE);
}

/* What is read for the first time gives no credit, however much it is. */
static void first_reading(void **state)
{
	struct limit l = { .b = 1, .cpu_ns = 1000000000 };
	const uint64_t forged = UINT64_C(1) << 59;

	(void)state;
	assert_int_equal(limit_judge(&l, 0, 1000000000), LIMIT_FITS);
	assert_int_equal(limit_judge(&l, 400000000, 600000000), LIMIT_FITS);
	assert_int_equal(limit_judge(&l, 400000000, 600000001), LIMIT_BASE);
	assert_int_equal(limit_judge(&l, 0, forged), LIMIT_BASE);
	assert_int_equal(limit_judge(&l, 1000000000, UINT64_MAX), LIMIT_BASE);
	/* and does not hide what is too much already */
	assert_int_equal(limit_judge(&l, 1000000001, 0), LIMIT_OVER);
	assert_int_equal(limit_judge(&l, 1000000001, forged), LIMIT_OVER);
}

static void above_a_base(void **state)
{
	struct acctring_statement_row base = row(1000), r = row(1007), none = { 0 }, out;

	(void)state;
	memcpy(r.uuid, two, 16);
	assert_true(bill_above(&r, &base, &out));
	assert_int_equal(out.charged_ns, 42);
	assert_int_equal(out.posted_ns, 49);
	assert_int_equal(out.units, 56);
	assert_int_equal(out.bytes, 63);
	assert_int_equal(out.vbd_ns, 7);
	assert_int_equal(out.vif_ns, 14);
	assert_int_equal(out.other_ns, 21);
	assert_memory_equal(out.uuid, two, 16);
	assert_true(bill_above(&r, &none, &out));
	assert_memory_equal(&out, &r, sizeof(out));
	assert_true(bill_above(&base, &base, &out));
	assert_int_equal(out.charged_ns, 0);
	/* one sum below its base: nothing, and not 2^64 less it */
	r.vif_ns = base.vif_ns - 1;
	assert_false(bill_above(&r, &base, &out));
	assert_int_equal(out.charged_ns | out.posted_ns | out.units | out.bytes, 0);
	assert_int_equal(out.vbd_ns | out.vif_ns | out.other_ns, 0);
}

static void going_back(void **state)
{
	struct acctring_statement_row r = row(10);
	struct bill a = { 0 }, b;

	(void)state;
	assert_true(bill_add(&a, &r));
	b = a;
	assert_false(bill_went_back(&a, &b));
	assert_true(bill_equal(&a, &b));
	b.units++;
	assert_false(bill_went_back(&a, &b));
	assert_false(bill_equal(&a, &b));
	b.bytes--;
	assert_true(bill_went_back(&a, &b));
	b = a;
	b.uuid[3] = 1;
	assert_false(bill_equal(&a, &b));
}

static void line_as_documented(void **state)
{
	struct acctring_statement_row r = row(1000);
	struct bill b = { 0 }, back;
	char line[BILL_LINE];

	(void)state;
	memcpy(b.uuid, two, 16);
	assert_true(bill_add(&b, &r));
	bill_line(&b, 1700000000, line);
	assert_string_equal(line, "v=1 uuid=02000000-0000-0000-0000-000000000000 t=1700000000 "
				  "charged_ns=6000 posted_ns=7000 units=8000 bytes=9000 "
				  "vbd_ns=1000 vif_ns=2000 other_ns=3000 debt_ns=0");
	memset(&back, 0xff, sizeof(back));
	assert_true(bill_parse(line, &back));
	assert_true(bill_equal(&b, &back));
	b.debt_ns = 5;
	assert_false(bill_equal(&b, &back));
	b.uncollected_ns = 6;
	bill_line(&b, 1700000000, line);
	assert_non_null(strstr(line, " debt_ns=5 uncollected_ns=6"));
	b.passed_ns = 7;
	assert_false(bill_equal(&b, &back));
	bill_line(&b, 1700000000, line);
	assert_non_null(strstr(line, " uncollected_ns=6 passed_ns=7"));
	assert_true(bill_parse(line, &back));
	assert_true(bill_equal(&b, &back));
	assert_false(bill_parse("v=1 uuid=02000000-0000-0000-0000-000000000000", &back));
	assert_false(bill_parse("", &back));
	line[2] = '2';
	assert_false(bill_parse(line, &back));
}

/* Largest numbers fit into the line. */
static void longest_line(void **state)
{
	struct bill b, back;
	char line[BILL_LINE];

	(void)state;
	memset(&b, 0xff, sizeof(b));
	bill_line(&b, UINT64_MAX, line);
	assert_true(strlen(line) < BILL_LINE - 1);
	assert_true(bill_parse(line, &back));
	assert_true(bill_equal(&b, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(overflow_adds_nothing),
		cmocka_unit_test(claims_saturate),
		cmocka_unit_test(shared),
		cmocka_unit_test(limits),
		cmocka_unit_test(first_reading),
		cmocka_unit_test(above_a_base),
		cmocka_unit_test(going_back),
		cmocka_unit_test(line_as_documented),
		cmocka_unit_test(longest_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
