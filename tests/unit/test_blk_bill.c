/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a backend does when its payer rows are used up.  The link is the
 * real one, without an accountant and without grants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/bill.h"
#include "common/log.h"

#define ROWS 247u /* what --payers 1 is rounded up to */
#define MORE 5u

static int saved;
static FILE *said;

/* What goes to stderr goes to a file, until said_lines(). */
static void listen_to_log(void)
{
	said = tmpfile();
	assert_non_null(said);
	saved = dup(STDERR_FILENO);
	dup2(fileno(said), STDERR_FILENO);
	log_init("test_blk_bill", false, false);
}

/* How many lines there are, and how many of them say `text`. */
static unsigned int said_lines(const char *text, unsigned int *with)
{
	char line[500];
	unsigned int n = 0;

	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(said);
	*with = 0;
	while (fgets(line, sizeof(line), said)) {
		n++;
		*with += strstr(line, text) != NULL;
	}
	fclose(said);
	return n;
}

static void post_one(struct acctring_lane *l, const struct payer *p)
{
	struct acctring_cost c = { .ns = 10, .units = 1, .klass = ACCTRING_CLASS_READ };

	bill_post(l, p, &c);
}

static void used_up_rows_are_said_once(void **state)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct bill b = { .kind = ACCTRING_KIND_VBD, .own = 3 };
	static struct payer p[ROWS + MORE];
	struct acctring_lane *l;
	unsigned int i, lines, with;
	struct sums sum;

	(void)state;
	o.payers = 1;
	b.link = acctring_open(&o);
	assert_non_null(b.link);
	pthread_mutex_init(&b.lock, NULL);
	l = acctring_lane_open(b.link);
	assert_non_null(l);
	listen_to_log();
	for (i = 0; i < ROWS + MORE; i++)
		assert_true(bill_connect(&b, &p[i], 7, i));
	lines = said_lines("vbd 7/247: payer rows are used up", &with);
	assert_int_equal(lines, 1);
	assert_int_equal(with, 1);
	for (i = 0; i < ROWS + MORE; i++) {
		bool own = i >= ROWS;

		assert_int_equal(p[i].row == ACCTRING_PAYER_OWN, own);
		/* the books say who pays */
		assert_int_equal(p[i].total->domid, own ? 3 : 7);
		post_one(l, &p[i]);
	}
	bill_sum(&b, &sum);
	assert_int_equal(sum.posts, ROWS + MORE);
	assert_int_equal(sum.ns, 10 * (ROWS + MORE));
	/* a row that was given back is not given again within the epoch */
	bill_disconnect(&b, &p[0]);
	assert_true(bill_connect(&b, &p[0], 7, 0));
	assert_int_equal(p[0].row, ACCTRING_PAYER_OWN);
	acctring_lane_close(l);
	acctring_close(b.link, 0);
	bill_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_up_rows_are_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
