/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pure parts of the block frontend: load, pattern, histogram; and the
 * xenbus state machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/xenbus.h"
#include "frontend/block/load.h"
#include "frontend/block/pattern.h"
#include "frontend/hist.h"

/* verify writes each sector once, flushes once, and then reads each once. */
static void verify_covers(void **state)
{
	struct load l = {
		.mode = LOAD_VERIFY, .min = 512, .max = 45056, .sectors = 5000, .random = 7
	};
	struct load_request r;
	uint64_t written = 0, readback = 0;
	unsigned int flushes = 0;

	(void)state;
	while (load_next(&l, true, &r)) {
		if (r.op == LOAD_OP_FLUSH) {
			assert_int_equal(written, 5000);
			flushes++;
			continue;
		}
		assert_true(r.bytes >= 512 && r.bytes <= 45056 && r.bytes % 512 == 0);
		if (r.op == LOAD_OP_WRITE) {
			assert_int_equal(r.sector, written);
			written += r.bytes / 512;
		} else {
			assert_int_equal(flushes, 1);
			assert_int_equal(r.sector, readback);
			readback += r.bytes / 512;
		}
	}
	assert_int_equal(readback, 5000);
	/* nothing is read while a write is in flight */
	l = (struct load){ .mode = LOAD_VERIFY, .min = 4096, .max = 4096, .sectors = 8 };
	assert_true(load_next(&l, true, &r));
	assert_false(load_next(&l, false, &r));
}

static void loads_stay_inside(void **state)
{
	unsigned int mode, i;

	(void)state;
	for (mode = LOAD_READ; mode < LOAD_VERIFY; mode++) {
		struct load l = { .mode = (enum load_mode)mode,
				  .min = 512,
				  .max = 8192,
				  .sectors = 101,
				  .count = 1000,
				  .flush = 10,
				  .random = mode,
				  .mixread = 50 };
		unsigned int n[LOAD_OPS] = { 0 };
		struct load_request r;

		for (i = 0; load_next(&l, false, &r); i++) {
			assert_true(r.sector + r.bytes / 512 <= 101);
			assert_true(r.op == LOAD_OP_FLUSH || r.bytes);
			n[r.op]++;
		}
		assert_int_equal(n[LOAD_OP_READ] + n[LOAD_OP_WRITE] + n[LOAD_OP_DISCARD], 1000);
		assert_int_equal(n[LOAD_OP_DISCARD], mode >= LOAD_TRIM ? 1000 : 0);
		assert_int_equal(n[LOAD_OP_FLUSH], n[LOAD_OP_WRITE] / 10);
		assert_true(mode < LOAD_RW || mode >= LOAD_TRIM ||
			    (n[LOAD_OP_READ] > 400 && n[LOAD_OP_WRITE] > 400));
	}
}

/* The mix of reads and writes is as asked. */
static void loads_are_mixed(void **state)
{
	static const unsigned int mix[] = { 0, 10, 70, 100 };
	unsigned int i, reads;
	struct load_request r;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct load l = { .mode = LOAD_RANDRW,
				  .min = 512,
				  .max = 512,
				  .sectors = 100,
				  .count = 10000,
				  .random = 3,
				  .mixread = mix[i] };

		for (reads = 0; load_next(&l, false, &r);)
			reads += r.op == LOAD_OP_READ;
		if (mix[i] % 100)
			assert_in_range(reads, mix[i] * 100 - 200, mix[i] * 100 + 200);
		else
			assert_int_equal(reads, mix[i] * 100);
	}
}

static void patterns_differ(void **state)
{
	unsigned char a[512];

	(void)state;
	pattern_fill(a, 1, 7);
	assert_int_equal(pattern_compare(a, 1, 7), 0);
	assert_int_not_equal(pattern_compare(a, 1, 8), 0);
	assert_int_not_equal(pattern_compare(a, 2, 7), 0);
	a[511] ^= 1;
	assert_int_not_equal(pattern_compare(a, 1, 7), 0);
}

static void histogram(void **state)
{
	struct hist *h = calloc(1, sizeof(*h));
	uint64_t i, p;

	(void)state;
	assert_non_null(h);
	assert_int_equal(hist_percentile(h, 50), 0);
	for (i = 1; i <= 100000; i++)
		hist_add(h, i * 10);
	p = hist_percentile(h, 50);
	assert_true(p >= 500000 && p <= 500000 + 500000 / 16);
	p = hist_percentile(h, 99);
	assert_true(p >= 990000 && p <= 990000 + 990000 / 16);
	hist_add(h, UINT64_MAX);
	assert_true(hist_percentile(h, 100) == UINT64_MAX);
	free(h);
}

#define S(state) XenbusState##state
#define STEP(own, peer, online) xenbus_backend_step(S(own), S(peer), online)

static void xenbus_steps(void **state)
{
	(void)state;
	/* the way in */
	assert_int_equal(STEP(Initialising, Initialising, true), XENBUS_OFFER);
	assert_int_equal(STEP(Initialising, Initialised, true), XENBUS_OFFER);
	assert_int_equal(STEP(InitWait, Initialising, true), XENBUS_STAY);
	assert_int_equal(STEP(InitWait, Initialised, true), XENBUS_CONNECT);
	assert_int_equal(STEP(InitWait, Connected, true), XENBUS_CONNECT);
	assert_int_equal(STEP(Connected, Initialised, true), XENBUS_STAY);
	assert_int_equal(STEP(Connected, Connected, true), XENBUS_STAY);
	/* the way out */
	assert_int_equal(STEP(Connected, Closing, true), XENBUS_CLOSING);
	assert_int_equal(STEP(Closing, Closing, true), XENBUS_STAY);
	assert_int_equal(STEP(Closing, Closed, true), XENBUS_CLOSED);
	assert_int_equal(STEP(Closed, Closed, true), XENBUS_STAY);
	/* and in again; not when the toolstack wants it no more */
	assert_int_equal(STEP(Closed, Initialising, true), XENBUS_OFFER);
	assert_int_equal(STEP(Closed, Initialising, false), XENBUS_STAY);
	/* unplugged: at once where nothing is mapped, else when the guest lets go */
	assert_int_equal(STEP(Initialising, Unknown, false), XENBUS_CLOSED);
	assert_int_equal(STEP(Initialising, Initialising, false), XENBUS_CLOSED);
	assert_int_equal(STEP(InitWait, Initialised, false), XENBUS_CLOSED);
	assert_int_equal(STEP(Closing, Connected, false), XENBUS_CLOSED);
	assert_int_equal(STEP(Closing, Closing, false), XENBUS_STAY);
	assert_int_equal(STEP(Connected, Connected, false), XENBUS_STAY);
	assert_int_equal(STEP(Connected, Closing, false), XENBUS_CLOSING);
	/* a frontend that died and began anew */
	assert_int_equal(STEP(Connected, Initialising, true), XENBUS_CLOSED);
	assert_int_equal(STEP(Closing, Initialising, true), XENBUS_CLOSED);
	/* its nodes are gone */
	assert_int_equal(STEP(Connected, Unknown, true), XENBUS_CLOSED);
	assert_int_equal(STEP(Initialising, Unknown, true), XENBUS_STAY);
	assert_int_equal(STEP(Closed, Connected, true), XENBUS_STAY);
}

/* Whatever the peer says: we come to rest, and serve only a ready one. */
static void xenbus_ends(void **state)
{
	enum xenbus_state own, peer, s;
	unsigned int online, i;

	(void)state;
	for (own = 1; own <= XenbusStateReconfigured; own++)
		for (peer = 0; peer <= XenbusStateReconfigured; peer++)
			for (online = 0; online < 2; online++) {
				s = own;
				for (i = 0; i < 4; i++) {
					static const enum xenbus_state to[] = {
						[XENBUS_OFFER] = XenbusStateInitWait,
						[XENBUS_CONNECT] = XenbusStateConnected,
						[XENBUS_CLOSING] = XenbusStateClosing,
						[XENBUS_CLOSED] = XenbusStateClosed,
					};
					enum xenbus_step step =
						xenbus_backend_step(s, peer, online);

					if (step == XENBUS_STAY)
						break;
					assert_true(step != XENBUS_CONNECT ||
						    peer == XenbusStateInitialised ||
						    peer == XenbusStateConnected);
					s = to[step];
				}
				assert_true(i < 4);
			}
}

static void xenbus_texts(void **state)
{
	static const char *const bad[] = { "", "9", "-1", "1 ", " 1", "0x1", "4294967297", "a" };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(xenbus_parse_state(bad[i]), XenbusStateUnknown);
	assert_int_equal(xenbus_parse_state(NULL), XenbusStateUnknown);
	assert_int_equal(xenbus_parse_state("4"), XenbusStateConnected);
	assert_string_equal(xenbus_state_name(XenbusStateInitWait), "InitWait");
	assert_string_equal(xenbus_state_name(9), "Invalid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verify_covers),   cmocka_unit_test(loads_stay_inside),
		cmocka_unit_test(loads_are_mixed), cmocka_unit_test(patterns_differ),
		cmocka_unit_test(histogram),	   cmocka_unit_test(xenbus_steps),
		cmocka_unit_test(xenbus_ends),	   cmocka_unit_test(xenbus_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
