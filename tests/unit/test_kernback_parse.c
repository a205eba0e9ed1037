/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel's files say, good and bad; how its time is poured into lanes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/kernel/kernel.h"

/* ------------------------------------------------------------------ */
/* Names and texts                                                     */

static void thread_names(void **state)
{
	static const struct {
		const char *name, *base;
		enum thread_role role;
		unsigned int number;
	} good[] = {
		{ "1.xvda-0", "1.xvda", THREAD_RING, 0 },
		{ "32751.xvdaa1-15", "32751.xvdaa1", THREAD_RING, 15 },
		{ "7.a-b-3", "7.a-b", THREAD_RING, 3 },
		{ "10.cciss/c0d0p1-0", "10.cciss/c0d0p1", THREAD_RING, 0 },
		{ "vif1.0-q0-guest-rx", "vif1.0", THREAD_RX, 0 },
		{ "vif32751.10-q17-guest-rx", "vif32751.10", THREAD_RX, 17 },
		{ "web-q1-q2-dealloc", "web-q1", THREAD_DEALLOC, 2 },
		{ "vif1.0-q0-dealloc", "vif1.0", THREAD_DEALLOC, 0 },
		{ "napi/vif1.0-8193", "vif1.0", THREAD_POLL, 8193 },
		{ "napi/a-b-2147483647", "a-b", THREAD_POLL, 2147483647 },
		{ "dmcrypt_write/253:0", "253:0", THREAD_WORKER, 0 },
		{ "md0_raid1", "md0", THREAD_WORKER, 0 },
	};
	static const char *const bad[] = {
		"",
		"-",
		"-0",
		"kthreadd",
		"kworker/0:1-events",
		"1.xvda",
		"1.xvda-",
		"1.xvda-x",
		"1.xvda-01",
		"1.xvda-0 ",
		"1.xvda-65536",
		"10.cciss/c0d0p12-0",
		"1.-0",
		".xvda-0",
		"x.xvda-0",
		"01.xvda-0",
		"32752.xvda-0",
		"99999999999999999999.a-0",
		"-guest-rx",
		"vif1.0-guest-rx",
		"vif1.0-q-guest-rx",
		"vif1.0-qx-guest-rx",
		"q0-guest-rx",
		"-q0-guest-rx",
		"vif1.0-q0-guest-r",
		"vif1.0-q00-dealloc",
		"vif1.0-q65536-dealloc",
		"namethatistoolong-q0-dealloc",
		"napi/",
		"napi/vif1.0",
		"napi/vif1.0-",
		"napi/vif1.0-x",
		"napi/-1",
		"napi/vif1.0-2147483648",
		"napi/namethatistoolong-1",
		"napi",
		"ksoftirqd/0",
		"dmcrypt_write/253",
	};
	struct thread_name n;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(parse_thread_name(good[i].name, &n));
		assert_string_equal(n.base, good[i].base);
		assert_int_equal(n.role, good[i].role);
		assert_int_equal(n.number, good[i].number);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse_thread_name(bad[i], &n))
			fail_msg("taken for a thread: \"%s\"", bad[i]);
}

static void bases(void **state)
{
	char base[THREAD_BASE];

	(void)state;
	disk_base(base, 3, "xvda");
	assert_string_equal(base, "3.xvda");
	disk_base(base, 3, "/dev/sda1");
	assert_string_equal(base, "3.sda1");
	disk_base(base, 32751, "averylongname");
	assert_string_equal(base, "32751.averylong"); /* as snprintf in the kernel */
	vif_base(base, 32751, 10);
	assert_string_equal(base, "vif32751.10");
	vif_base(base, 32751, 4294967295u);
	assert_string_equal(base, "");
}

static void device_names(void **state)
{
	static const char *const bad[] = { "",
					   "vbd",
					   "vbd-",
					   "vbd-1",
					   "vbd-1-",
					   "vbd-1-x",
					   "vbd-x-1",
					   "vbd-01-1",
					   "vbd-1-2-3",
					   "vbd-1-2 ",
					   "vtpm-1-0",
					   "qdisk-1-1",
					   "vbd-32752-1",
					   "vbd-1-4294967296",
					   "vif1-0",
					   "vif--1-0",
					   ".",
					   "..",
					   "vif-1--1" };
	unsigned int kind, domid, id, i;

	(void)state;
	assert_true(parse_device_name("vbd-1-51712", &kind, &domid, &id));
	assert_int_equal(kind, ACCTRING_KIND_VBD);
	assert_int_equal(domid, 1);
	assert_int_equal(id, 51712);
	assert_true(parse_device_name("vif-32751-4294967295", &kind, &domid, &id));
	assert_int_equal(kind, ACCTRING_KIND_VIF);
	assert_int_equal(domid, 32751);
	assert_int_equal(id, 4294967295u);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse_device_name(bad[i], &kind, &domid, &id))
			fail_msg("taken for a device: \"%s\"", bad[i]);
}

#define STAT_REST                                                                     \
	" 2 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 1234 0 0 18446744073709551615 " \
	"0 0 0 0 0 0 0 2147483647 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static void proc_stats(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1 (",
		"1 (a",
		"1 (a)",
		"1 (a) ",
		"1 (a) S 2 0 0 0 -1",
		"1 (a) S 2 0 0 0 -1 2129984",
		"1 (a) S 2 0 0 0 -1 2129984 0 0 0 0 -1 5 0 0 20 0 1 0 1234 0",
		"1 (a) S 2 0 0 0 -1 2129984 0 0 0 0 0 ",
		"1 (a) S 2 0 0 0 -1 x 0 0 0 0 0 0 0 0 20 0 1 0 1234 0",
		"1 (a) S 2 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 1234",
		"1 (a) S 2 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 -1 0",
		("1 a) S (" STAT_REST),
		("1 (0123456789012345678901234567890123456789012345678901234567890123) "
		 "S" STAT_REST),
	};
	struct proc_stat s;
	unsigned int i;

	(void)state;
	assert_true(parse_proc_stat("812 (1.xvda-0) S" STAT_REST, &s));
	assert_string_equal(s.name, "1.xvda-0");
	assert_true(s.kernel);
	assert_int_equal(s.ticks, 5);
	assert_int_equal(s.start, 1234);
	/* a process may call itself what it likes, but is none of the kernel's */
	assert_true(parse_proc_stat(
		"9 (1.xvda-0) S 1 9 9 0 -1 4194560 0 0 0 0 0 5 0 0 20 0 1 0 77 0 0\n", &s));
	assert_false(s.kernel);
	assert_int_equal(s.start, 77);
	assert_true(parse_proc_stat(
		"9 (a) S 1 9 9 0 -1 4194560 0 0 0 0 70000000000 8 0 0 20 0 1 0 77 0 0\n", &s));
	assert_true(s.ticks == UINT64_C(70000000008));
	assert_true(parse_proc_stat("9 (a) R (b\n) 2129984) S" STAT_REST, &s));
	assert_string_equal(s.name, "a) R (b\n) 2129984");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse_proc_stat(bad[i], &s))
			fail_msg("taken for a process: \"%s\"", bad[i]);
}

static void numbers(void **state)
{
	static const char *const bad_sched[] = { "",	     "1",
						 "1 2",	     "x 2 3\n",
						 "-1 2 3\n", "1  2 3",
						 "1 x 3\n",  "18446744073709551616 0 0\n" };
	static const char *const bad_count[] = { "",	 "\n",	  "x",
						 "-1\n", "1 2\n", "1\n\n",
						 "0x1",	 "1.5",	  "18446744073709551616\n",
						 "00\n" };
	uint64_t n;
	unsigned int i;

	(void)state;
	assert_true(parse_schedstat("18446744073709551615 5 6\n", &n));
	assert_true(n == UINT64_MAX);
	assert_true(parse_schedstat("0 0 0\n", &n));
	assert_int_equal(n, 0);
	assert_true(parse_count("42\n", &n));
	assert_int_equal(n, 42);
	assert_true(parse_count("18446744073709551615", &n));
	assert_true(n == UINT64_MAX);
	for (i = 0; i < sizeof(bad_sched) / sizeof(bad_sched[0]); i++)
		if (parse_schedstat(bad_sched[i], &n))
			fail_msg("taken for a schedstat: \"%s\"", bad_sched[i]);
	for (i = 0; i < sizeof(bad_count) / sizeof(bad_count[0]); i++)
		if (parse_count(bad_count[i], &n))
			fail_msg("taken for a count: \"%s\"", bad_count[i]);
}

static void softirqs(void **state)
{
	static const char *const bad[] = { "",
					   "cpu",
					   "cpu0 1 2 3 4 5 6 7 8\n",
					   "cpu  1 2 3 4 5 6\n",
					   "cpu  1 2 3 4 5 6 7x\n",
					   "cpu  1 2 3 4 5 6 -7 8\n" };
	uint64_t n;
	unsigned int i;

	(void)state;
	assert_true(parse_softirq("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 11 12\n", &n));
	assert_int_equal(n, 7);
	assert_true(parse_softirq("cpu 1 2 3 4 5 6 18446744073709551615\n", &n));
	assert_true(n == UINT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse_softirq(bad[i], &n))
			fail_msg("taken for /proc/stat: \"%s\"", bad[i]);
}

/* ------------------------------------------------------------------ */
/* Sums                                                                */

static void growth(void **state)
{
	struct counter c = { -1, 100 };

	(void)state;
	assert_int_equal(count_since(&c, 150), 50);
	assert_int_equal(count_since(&c, 150), 0);
	assert_int_equal(count_since(&c, 30), 30); /* begun anew */
	assert_int_equal(count_since(&c, 31), 1);
	c.last = 100;
	assert_int_equal(clock_since(&c, 150), 50);
	assert_int_equal(clock_since(&c, 40), 0);
	assert_int_equal(clock_since(&c, 45), 5);
}

static void shares(void **state)
{
	struct kcost a = { 1, 1, 0 }, b = { 0, 2, 0 }, none = { 0, 0, 0 }, rest = { 5, 9, 0 };
	struct kcost *parts[] = { &a, &none, &b, &rest };

	(void)state;
	share_ns(10, parts, 3);
	assert_int_equal(a.ns, 1 + 3);
	assert_int_equal(b.ns, 7);
	assert_int_equal(none.ns, 0);
	assert_int_equal(rest.ns, 5); /* its units do not count */
	a.units = b.units = 0;
	share_ns(10, parts, 3);
	assert_int_equal(rest.ns, 15);
	a.units = UINT64_MAX / 2;
	b.units = UINT64_MAX / 2;
	share_ns(UINT64_MAX / 4, parts, 3);
	assert_true(a.ns - 4 + b.ns - 7 == UINT64_MAX / 4);
}

static void pouring(void **state)
{
	struct pour p = { .lanes = 3 };
	unsigned int lane, i;
	uint64_t part;

	(void)state;
	assert_int_equal(pour_lanes(1), 2);
	assert_int_equal(pour_lanes(7), 8);
	assert_int_equal(pour_lanes(8), 10);
	assert_int_equal(pour_lanes(100000), POUR_LANES);
	for (i = 1; i < 200; i++) /* what CPUs can burn fits */
		assert_true((uint64_t)pour_lanes(i) * (8000 - 1000) >= (uint64_t)i * 8000);
	assert_int_equal(pour_pages(2), 8);
	assert_int_equal(pour_pages(4), 8);
	assert_int_equal(pour_pages(5), 4);
	assert_int_equal(pour_pages(19), 1);
	assert_int_equal(pour_pages(POUR_LANES), 1);
	pour_begin(&p, 800, 3); /* 700 a lane, 3 records */
	assert_true(pour(&p, 1000, &lane, &part));
	assert_int_equal(lane, 0);
	assert_int_equal(part, 700);
	assert_true(pour(&p, 0, &lane, &part)); /* a count: no time is needed */
	assert_int_equal(lane, 0);
	assert_int_equal(part, 0);
	assert_true(pour(&p, 300, &lane, &part));
	assert_int_equal(lane, 1);
	assert_int_equal(part, 300);
	assert_true(pour(&p, 1, &lane, &part));
	assert_true(pour(&p, 1, &lane, &part));
	assert_int_equal(lane, 1);
	assert_true(pour(&p, 1, &lane, &part)); /* three are in lane 1 */
	assert_int_equal(lane, 2);
	assert_true(pour(&p, 5000, &lane, &part));
	assert_int_equal(part, 699);
	assert_false(pour(&p, 1, &lane, &part));
	assert_true(pour(&p, 0, &lane, &part));
	assert_false(pour(&p, 0, &lane, &part));
	assert_int_equal(p.clock[0], 700);
	assert_int_equal(p.clock[1], 302);
	assert_int_equal(p.clock[2], 700);
	pour_begin(&p, UINT64_C(800000000000), 9); /* what a record can say */
	assert_true(pour(&p, UINT64_C(10000000000), &lane, &part));
	assert_int_equal(part, UINT32_MAX);
	assert_int_equal(p.clock[0], 700 + (uint64_t)UINT32_MAX);
	pour_begin(&p, 0, 9);
	assert_false(pour(&p, 1, &lane, &part));
	assert_true(pour(&p, 0, &lane, &part));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thread_names), cmocka_unit_test(bases),
		cmocka_unit_test(device_names), cmocka_unit_test(proc_stats),
		cmocka_unit_test(numbers),	cmocka_unit_test(softirqs),
		cmocka_unit_test(growth),	cmocka_unit_test(shares),
		cmocka_unit_test(pouring),
	};

	return cmocka_run_group_tests_name("kernback_parse", tests, NULL, NULL);
}
