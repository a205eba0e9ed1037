/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Spans and the counter that they read. */
#include "tests/unit/test_ring.h"

#include "ring/link.h"

#include <time.h>

static struct acctring_lane scaled(void)
{
	struct acctring_lane l = { .slots = 0 };

	clock_calibrate(&l.counter, &l.mult, &l.shift);
	return l;
}

static void nap(unsigned int ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000l }, NULL);
}

/* The counter's ns are CLOCK_MONOTONIC's, to 0.1 % over 100 ms. */
static void calibrated(void **state)
{
	struct acctring_lane l = scaled();
	uint64_t ns = acctring__clock(), c = acctring_counter(&l), by_counter;

	(void)state;
	nap(100);
	c = acctring_counter(&l) - c;
	ns = acctring__clock() - ns;
	by_counter = acctring_ns(&l, c);
	assert_in_range(by_counter, ns - ns / 1000 - 20000, ns + ns / 1000 + 20000);
	assert_in_range(clock_cycles(l.mult, l.shift, by_counter), c - 2 - c / 1000000,
			c + 2 + c / 1000000);
}

/* A pause is not in the span. */
static void pauses(void **state)
{
	struct acctring_lane l = scaled();
	struct acctring_span s;
	uint64_t t = acctring__clock(), ns;

	(void)state;
	acctring_span_begin(&l, &s);
	nap(5);
	acctring_span_pause(&l, &s);
	nap(30);
	acctring_span_resume(&l, &s);
	nap(5);
	ns = acctring_span_end(&l, &s);
	t = acctring__clock() - t;
	assert_true(ns >= 10000000 - 20000);
	assert_true(ns <= t - 30000000 + 100000);
	assert_true(acctring_counter(&l) - s.mark < clock_cycles(l.mult, l.shift, 1000000000));
}

static void empty(void **state)
{
	struct acctring_lane l = { .mult = 1, .counter = ACCTRING_COUNTER_NS };
	struct acctring_span s;

	(void)state;
	acctring_span_begin(&l, &s);
	acctring_span_pause(&l, &s);
	assert_true(s.cycles < 1000000000);
	s.cycles = 5;
	s.mark = acctring_counter(&l);
	assert_true(acctring_span_end(&l, &s) >= 5);
}

/* The scale may be a peer's: nothing overflows, nothing divides by 0. */
static void scales(void **state)
{
	struct acctring_lane l = { .mult = ~(uint64_t)0, .shift = 63 };

	(void)state;
	assert_true(acctring_ns(&l, 1) == 1);
	assert_true(clock_cycles(0, 0, 5) == 0);
	assert_true(clock_cycles(1, 63, ~(uint64_t)0) == (uint64_t)1 << 63);
	assert_true(clock_cycles(1, 0, 1000) == 1000);
	assert_true(clock_cycles(~(uint64_t)0, 63, 1000000) <= 500001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calibrated),
		cmocka_unit_test(pauses),
		cmocka_unit_test(empty),
		cmocka_unit_test(scales),
	};

	return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
