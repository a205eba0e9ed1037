/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long CPUs were busy, from what the kernel says of their idle time. */
#include "accountant/busy.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MS 1000000ull

static char dir[] = "/tmp/acctring-busy-XXXXXX", path[sizeof(dir) + 8];
static struct busy b;

static int setup(void **ctx)
{
	(void)ctx;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/stat", dir);
	return 0;
}

static int teardown(void **ctx)
{
	(void)ctx;
	unlink(path);
	return rmdir(dir);
}

static void put(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Idle and waiting for I/O, in hundredths, of two CPUs; the rest of the lines is not what is used. */
static void stat_is(unsigned int idle, unsigned int iowait)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "cpu  9 9 9 %u %u 9 9 9 0 0\ncpu0 9 9 9 9 9 9 9 9 0 0\ncpu1 9\nintr 9 9\n", idle,
		 iowait);
	put(text);
}

static void grows(void **ctx)
{
	uint64_t ns = 0;

	(void)ctx;
	stat_is(1000, 500);
	assert_false(busy_grown(&b, dir, 5000 * MS, &ns)); /* since when? */
	stat_is(1010, 505);
	assert_true(busy_grown(&b, dir, 5200 * MS, &ns));
	assert_int_equal(ns, 250 * MS);
	/* more idle than time is the grain: it is taken from what comes next */
	stat_is(1052, 505);
	assert_true(busy_grown(&b, dir, 5400 * MS, &ns));
	assert_int_equal(ns, 0);
	stat_is(1052, 505);
	assert_true(busy_grown(&b, dir, 5500 * MS, &ns));
	assert_int_equal(ns, 180 * MS);
}

static void unknown(void **ctx)
{
	static const char *const bad[] = {
		"",
		"cpu",
		"cpu 1 2 3 x 5\ncpu0 1\n",
		"intr 1 2 3 4 5 6\n",
		"cpu 1 2 3 18446744073709551615 5\ncpu0 1\n",
		"cpu 1 2 3 4 5\nintr 1\n",
		"cpu 1 2 3 2000 5\n",
	};
	uint64_t ns = 7;

	(void)ctx;
	stat_is(2000, 0);
	busy_grown(&b, dir, 10000 * MS, &ns);
	ns = 7;
	stat_is(1999, 0); /* a CPU went */
	assert_false(busy_grown(&b, dir, 10200 * MS, &ns));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i]);
		assert_false(busy_grown(&b, dir, 10300 * MS, &ns));
	}
	unlink(path);
	assert_false(busy_grown(&b, dir, 10400 * MS, &ns));
	assert_int_equal(ns, 7);
	stat_is(2019, 0);
	assert_true(busy_grown(&b, dir, 10500 * MS, &ns)); /* since it was last read */
	assert_int_equal(ns, 400 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests_name("busy", tests, setup, teardown);
}
