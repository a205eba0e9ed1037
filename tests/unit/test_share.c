/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fair shares of a driver domain: one flood and nine light VMs, and nothing to limit. */
#include "accountant/share.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define N 10

/* One CPU that serves in proportion to what is asked; `want` is a rate of each. */
struct driver {
	struct share s;
	struct share_vm vm[N];
	uint64_t want[N], host; /* of the domain's own work, first of all */
	double used[N]; /* over the last `ticks` */
	double busy;
};

static void tick(struct driver *d)
{
	uint64_t ask[N], all = 0, busy, left = SECOND - d->host;

	for (int i = 0; i < N; i++) {
		ask[i] = d->want[i];
		if (d->vm[i].rate && d->vm[i].rate < ask[i])
			ask[i] = d->vm[i].rate;
		all += ask[i];
	}
	busy = d->host + (all < left ? all : left);
	for (int i = 0; i < N; i++) {
		uint64_t got = all > left ? (uint64_t)((double)ask[i] / (double)all * (double)left)
					  : ask[i];

		d->vm[i].charged += got / 100;
		d->used[i] += (double)got;
	}
	d->busy += (double)busy;
	assert_true(share_step(&d->s, d->vm, N, busy / 100, 10 * MS, 10 * MS));
}

static void ticks(struct driver *d, int n)
{
	memset(d->used, 0, sizeof(d->used));
	d->busy = 0;
	for (int t = 0; t < n; t++)
		tick(d);
	for (int i = 0; i < N; i++)
		d->used[i] /= n * (double)SECOND / 100; /* per cent of a CPU */
	d->busy /= n * (double)SECOND / 100;
}

static struct driver new (void)
{
	struct driver d = { 0 };

	for (int i = 0; i < N; i++)
		d.vm[i].weight = 256;
	return d;
}

static void flood(void **ctx)
{
	struct driver d = new ();

	(void)ctx;
	for (int i = 1; i < N; i++)
		d.want[i] = SECOND / 50; /* 2 % each */
	ticks(&d, 200);
	assert_int_equal(d.s.total, 0);
	d.want[0] = 20 * SECOND;
	ticks(&d, 300);
	ticks(&d, 500);
	assert_true(d.busy > 85 && d.busy < 93);
	assert_true(d.used[0] > 66); /* all that is left */
	for (int i = 1; i < N; i++) {
		assert_true(d.used[i] > 1.96);
		assert_int_equal(d.vm[i].rate, 0);
	}
	d.want[0] = SECOND / 50;
	ticks(&d, 100);
	assert_int_equal(d.s.total, 0);
	assert_int_equal(d.vm[0].rate, 0);
}

/* Three that take all they get: by weight. */
static void weights(void **ctx)
{
	struct driver d = new ();

	(void)ctx;
	d.vm[2].weight = 512;
	for (int i = 0; i < 3; i++)
		d.want[i] = (uint64_t)(i + 1) * 3 * SECOND;
	ticks(&d, 500);
	ticks(&d, 500);
	assert_true(d.used[0] / d.used[1] > 0.97 && d.used[0] / d.used[1] < 1.03);
	assert_true(d.used[2] / d.used[1] > 1.94 && d.used[2] / d.used[1] < 2.06);
	assert_true(d.busy > 85);
}

/* It is busy with what is nobody's, or with one who may not be limited: the others are not starved. */
static void host(void **ctx)
{
	struct driver d = new ();

	(void)ctx;
	d.host = SECOND / 100 * 80;
	d.want[0] = d.want[1] = SECOND / 5;
	ticks(&d, 6000);
	ticks(&d, 100);
	assert_true(d.used[0] + d.used[1] > 19);
	d.host = 0;
	d.want[2] = 5 * SECOND;
	d.vm[2].weight = 0;
	ticks(&d, 6000);
	for (int i = 0; i < 2; i++)
		assert_true(!d.vm[i].rate || d.vm[i].rate > SECOND / 100);
}

/* One worked, long ago: it is nobody who shares. */
static void long_ago(void **ctx)
{
	struct driver d = new ();

	(void)ctx;
	d.want[0] = 3 * SECOND;
	d.want[1] = SECOND / 2;
	ticks(&d, 100);
	d.want[1] = 0;
	ticks(&d, 1000);
	assert_int_equal(d.vm[0].rate, 0);
}

/* Nobody else is there; or one who may not be limited. */
static void alone(void **ctx)
{
	struct driver d = new ();

	(void)ctx;
	d.want[0] = 3 * SECOND;
	ticks(&d, 300);
	assert_int_equal(d.vm[0].rate, 0);
	assert_true(d.used[0] > 99);
	d.want[1] = SECOND / 2;
	d.vm[1].weight = 0;
	ticks(&d, 500);
	ticks(&d, 500);
	assert_int_equal(d.vm[1].rate, 0);
	assert_true(d.used[1] > 49 && d.used[0] > 35 && d.used[0] < 42);
}

static void random_ticks(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 1000; round++) {
		struct share_vm vm[N] = { 0 };
		struct share s = { 0 };
		size_t n = rnd() % N;

		for (size_t i = 0; i < n; i++)
			vm[i].weight = rnd() % 65536;
		for (int t = 0; t < 50; t++) {
			for (size_t i = 0; i < n; i++)
				vm[i].charged += rnd() >> (rnd() % 64);
			assert_true(share_step(&s, vm, n, rnd() >> (rnd() % 64),
					       rnd() >> (rnd() % 64), rnd() >> (rnd() % 64)));
			for (size_t i = 0; i < n; i++)
				assert_true(vm[i].weight || !vm[i].rate);
			assert_true(s.busy <= 1000000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood), cmocka_unit_test(weights),
		cmocka_unit_test(host),	 cmocka_unit_test(long_ago),
		cmocka_unit_test(alone), cmocka_unit_test(random_ticks),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
