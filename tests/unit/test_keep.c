/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of entitlements: whole or not at all, heads in place, damage told. */
#include "collector/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/keep-XXXXXX";
static char path[64];
static const uint8_t one[16] = { 1 }, two[16] = { 2 };

static struct entitle *made(const uint8_t uuid[16])
{
	struct entitle *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	memcpy(e->uuid, uuid, 16);
	e->domid = 5;
	e->met = true;
	e->knob[KNOB_CAP] = (struct knob){ .known = true, .found = 60, .is = 60, .next = 60 };
	e->knob[KNOB_WEIGHT] = (struct knob){ .known = true, .found = 256, .is = 256, .next = 256 };
	entitle_plan(e, KNOB_CAP, 33);
	entitle_kept(e);
	return e;
}

static void count(void *ctx, const struct entitle *e)
{
	unsigned int *n = ctx;

	assert_int_equal(e->knob[KNOB_CAP].found, 60);
	++*n;
}

static void round_trip(void **ctx)
{
	struct entitle *e = made(one), *back = malloc(sizeof(*back));
	unsigned int n = 0, bad;
	int dir;

	(void)ctx;
	assert_int_equal(keep_open(path, false), -ENOENT);
	dir = keep_open(path, true);
	assert_true(dir >= 0);
	assert_int_equal(keep_mark(dir, e), -ENOENT);
	assert_int_equal(keep_write(dir, e), 0);
	assert_int_equal(keep_read(dir, one, back), 0);
	assert_memory_equal(e, back, sizeof(*e));

	/* in place: what was found and what is ours stays */
	e->knob[KNOB_CAP].is = 33;
	e->domid = 12;
	assert_int_equal(keep_mark(dir, e), 0);
	assert_int_equal(keep_read(dir, one, back), 0);
	assert_memory_equal(e, back, sizeof(*e));

	memcpy(e->uuid, two, 16);
	assert_int_equal(keep_write(dir, e), 0);
	assert_int_equal(keep_each(dir, count, &n, &bad), 0);
	assert_int_equal(n, 2);
	assert_int_equal(bad, 0);
	assert_int_equal(keep_remove(dir, e), 0);
	assert_int_equal(keep_remove(dir, e), 0);
	assert_int_equal(keep_read(dir, two, back), 0);
	assert_true(entitle_empty(back));
	free(e);
	free(back);
	close(dir);
}

static void damage(void **ctx)
{
	struct entitle *e = made(one);
	unsigned int n = 0, bad;
	int dir = keep_open(path, true), fd;

	(void)ctx;
	assert_int_equal(keep_write(dir, e), 0);
	fd = openat(dir, "01000000-0000-0000-0000-000000000000", O_WRONLY);
	assert_int_equal(ftruncate(fd, 90), 0); /* no end of line */
	close(fd);
	assert_int_equal(keep_read(dir, one, e), -EBADMSG);
	assert_int_equal(keep_each(dir, count, &n, &bad), 0);
	assert_int_equal(n, 0);
	assert_int_equal(bad, 1);
	/* the next write mends it */
	free(e);
	e = made(one);
	assert_int_equal(keep_write(dir, e), 0);
	assert_int_equal(keep_read(dir, one, e), 0);
	assert_int_equal(keep_remove(dir, e), 0);
	free(e);
	close(dir);
}

static void others_may_write(void **ctx)
{
	(void)ctx;
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(keep_open(path, true), -EPERM);
	assert_int_equal(chmod(path, 0700), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damage),
		cmocka_unit_test(others_may_write),
	};
	int failed;

	if (!mkdtemp(base))
		return 1;
	snprintf(path, sizeof(path), "%s/acctring/entitlement", base);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(base);
	return failed;
}
