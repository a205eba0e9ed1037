/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is billed fits into what was measured, whatever lanes claim. */
#include "accountant/charge.h"

#include "accountant/limits.h"
#include "accountant/worker.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ACCOUNTS 5u
#define MS 1000000ull

static struct worker w;
static struct domain d;
static struct account *x[ACCOUNTS];

static int setup(void **ctx)
{
	struct account_key key = { .backend = 1, .kind = ACCTRING_KIND_VBD };

	(void)ctx;
	memset(&w, 0, sizeof(w));
	memset(&d, 0, sizeof(d));
	d.domid = 1;
	if (!accounts_init(&w.accounts))
		return -1;
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		key.device = i;
		x[i] = accounts_get_vm(&w.accounts, &key);
	}
	return 0;
}

static int teardown(void **ctx)
{
	(void)ctx;
	accounts_free(&w.accounts);
	return 0;
}

static uint64_t sum(bool due)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < ACCOUNTS; i++)
		n += due ? x[i]->due_ns : x[i]->book.charged_ns;
	return n;
}

/* By basis they are what they are in all. */
static void check_bases(void)
{
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		assert_true(basis_sum(x[i]->book.basis_ns) == x[i]->book.charged_ns);
		assert_true(basis_sum(x[i]->due_basis_ns) == x[i]->due_ns);
	}
}

static uint64_t clock_ms;

static void measured(uint64_t ns)
{
	charge_measured(&d, ns, clock_ms += 100);
}

/* Claims wait for the measurement, and are then charged as they are. */
static void waits(void **ctx)
{
	(void)ctx;
	charge_due(&w, &d, x[0], 7 * MS, 0, BASIS_THREAD);
	charge_due(&w, &d, x[1], 3 * MS, 0, BASIS_THREAD);
	charge_settle(&w, &d);
	assert_int_equal(sum(false), 0);
	assert_int_equal(sum(true), 10 * MS);
	measured(5 * MS);
	charge_settle(&w, &d);
	assert_int_equal(sum(false), 5 * MS);
	assert_int_equal(x[1]->book.charged_ns, 3 * MS / 2);
	measured(6 * MS);
	charge_settle(&w, &d);
	assert_int_equal(x[0]->book.charged_ns, 7 * MS);
	assert_int_equal(x[1]->book.charged_ns, 3 * MS);
	assert_false(x[0]->based); /* as all is without that */
	assert_int_equal(sum(true), 0);
	assert_null(d.owing);
	assert_int_equal(charge_room(&d), MS);
	assert_int_equal(d.s.overclaimed_ns, 0);
}

/* One account claims all there is, twice; the others get theirs later. */
static void liar(void **ctx)
{
	(void)ctx;
	charge_due(&w, &d, x[0], UINT64_MAX - 5, 0, BASIS_MODEL);
	charge_due(&w, &d, x[0], UINT64_MAX - 5, 0, BASIS_DIRECT);
	charge_due(&w, &d, x[1], 100 * MS, 0, BASIS_THREAD);
	charge_settle(&w, &d);
	assert_int_equal(d.s.overclaimed_ns, 0); /* nobody measured yet */
	measured(1000 * MS);
	d.s.own_ns = 10 * MS;
	charge_settle(&w, &d);
	assert_true(sum(false) <= 990 * MS);
	assert_true(sum(true) <= DUE_MAX_NS);
	assert_true(d.s.overclaimed_ns > UINT64_MAX / 2);
	check_bases();
	assert_int_equal(d.charged_ns, sum(false));
}

/* All claims contain steal, and it is known how busy the CPUs were: each gets the same part of what ran. */
static void steal(void **ctx)
{
	(void)ctx;
	charge_busy(&d, 1, 0, 0);
	for (int i = 0; i < 100; i++) {
		/* of 200 ms 60 were idle; the hypervisor saw half of the rest */
		charge_due(&w, &d, x[0], 80 * MS, 0, BASIS_THREAD);
		charge_due(&w, &d, x[1], 20 * MS, 0, BASIS_THREAD);
		charge_own(&d, 10 * MS);
		charge_busy(&d, 1, (i & 1 ? 150 : 130) * MS, 70 * MS);
		measured(70 * MS);
		charge_settle(&w, &d);
	}
	assert_int_equal(d.s.measured_ns, 7000 * MS);
	assert_in_range(x[0]->book.charged_ns, 3950 * MS, 4050 * MS);
	assert_in_range(x[1]->book.charged_ns, 985 * MS, 1015 * MS);
	assert_in_range(d.s.own_ns, 490 * MS, 510 * MS);
	/* what nobody claimed is nobody's: no later claim finds room in it */
	assert_true(charge_room(&d) < 10 * MS);
	assert_true(sum(true) <= 400 * MS);
}

/* Without steal nothing is taken from anybody, however coarse the kernel's idle time is. */
static void no_steal(void **ctx)
{
	(void)ctx;
	charge_busy(&d, 1, 0, 0);
	for (int i = 0; i < 100; i++) {
		charge_due(&w, &d, x[0], 15 * MS, 0, BASIS_THREAD);
		charge_busy(&d, 1, i & 1 ? 20 * MS : 30 * MS,
			    26 * MS); /* 1 ms of it idle, for the kernel */
		measured(26 * MS);
		charge_settle(&w, &d);
	}
	assert_in_range(x[0]->book.charged_ns, 1465 * MS, 1500 * MS);
	assert_true(charge_room(&d) <= 40 * MS);
}

/* Claims come before what they are claimed for, and after it, without an end: nothing is lost. */
static void uneven(void **ctx)
{
	(void)ctx;
	charge_busy(&d, 1, 0, 0);
	for (int i = 0; i < 100; i++) {
		charge_due(&w, &d, x[0], i % 4 == 0 ? 200 * MS : 0, 0, BASIS_THREAD);
		charge_busy(&d, 1, 100 * MS, 100 * MS);
		measured(100 * MS);
		charge_settle(&w, &d);
	}
	assert_in_range(x[0]->book.charged_ns, 3300 * MS, 5000 * MS);
	/* a liar's claims are not taken from what comes much later */
	charge_due(&w, &d, x[0], UINT64_MAX, 0, BASIS_THREAD);
	for (int i = 0; i < 100; i++) {
		charge_busy(&d, 1, 100 * MS, 100 * MS);
		measured(100 * MS);
		charge_settle(&w, &d);
	}
	assert_true(sum(true) == 0);
	assert_in_range(d.carry.other_ns, 0, 300 * MS);
}

/* CPUs of 8 that x[0] is charged when it claims 6 every so many 100 ms, of 8 busy ones that ran so much. */
static double in_lumps(int every, uint64_t ran_ns)
{
	uint64_t before = 0;

	charge_not_busy(&d);
	charge_busy(&d, 8, 0, 0);
	for (int i = 1; i <= 1000; i++) {
		if (i % every == 0)
			charge_due(&w, &d, x[0], (uint64_t)every * 600 * MS, 0, BASIS_THREAD);
		if (i % 2 == 0) {
			measured(ran_ns);
			charge_busy(&d, 8, 1600 * MS, ran_ns);
		}
		charge_settle(&w, &d);
		if (i == 200)
			before = x[0]->book.charged_ns;
	}
	return (double)(x[0]->book.charged_ns - before) / (80000.0 * MS);
}

/*
 * Lanes of several CPUs tell their clocks together.  Without steal nothing is lost of that; with, what
 * is measured until they are told next has gone to nobody, or to them.
 */
static void lumps(void **ctx)
{
	static const struct {
		int every;
		uint64_t ran_ns;
		double least, most;
	} t[] = {
		{ 1, 1600 * MS, 5.95, 6.05 },  { 5, 1600 * MS, 5.95, 6.05 },
		{ 10, 1600 * MS, 5.95, 6.05 }, { 1, 800 * MS, 2.9, 3.1 },
		{ 5, 800 * MS, 2.7, 3.3 },     { 10, 800 * MS, 2.5, 3.5 },
	};

	(void)ctx;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		double cpus = in_lumps(t[i].every, t[i].ran_ns);

		if (cpus < t[i].least || cpus > t[i].most)
			print_message("%d, %.1f ran: %.3f\n", t[i].every, (double)t[i].ran_ns / 2e8,
				      cpus);
		assert_true(cpus >= t[i].least && cpus <= t[i].most);
	}
}

/* What nobody claimed, beyond what it burns idle, is the users', if the operator says so. */
static void unclaimed(void **ctx)
{
	uint64_t before;

	(void)ctx;
	w.conf.unclaimed = 1;
	charge_busy(&d, 1, 0, 0);
	d.rest.known = true;
	for (int i = 0; i < 50; i++) {
		charge_due(&w, &d, x[0], 30 * MS, 0, BASIS_THREAD);
		charge_due(&w, &d, x[1], 10 * MS, 0, BASIS_THREAD);
		charge_busy(&d, 1, 60 * MS, 60 * MS);
		measured(60 * MS);
		d.rest.at_ns = now_ns();
		charge_settle(&w, &d);
	}
	assert_int_equal(d.charged_ns, sum(false));
	assert_in_range(d.charged_ns, 2900 * MS, 3000 * MS);
	assert_in_range(x[0]->book.basis_ns[BASIS_POOL], 725 * MS, 750 * MS);
	assert_in_range(x[1]->book.basis_ns[BASIS_POOL], 240 * MS, 250 * MS);
	assert_int_equal(x[0]->book.basis_ns[BASIS_THREAD], 1500 * MS);
	/* so is acctringd's, which is then no more the host's */
	charge_due(&w, &d, x[0], 30 * MS, 0, BASIS_THREAD);
	charge_own(&d, 20 * MS);
	charge_busy(&d, 1, 60 * MS, 60 * MS);
	measured(60 * MS);
	charge_settle(&w, &d);
	assert_true(d.s.own_ns < 2 * MS);
	assert_int_equal(d.charged_ns, sum(false));
	assert_true(d.charged_ns + d.s.own_ns <= d.s.measured_ns);
	before = x[0]->book.charged_ns;
	w.conf.unclaimed = 0;
	charge_due(&w, &d, x[0], 30 * MS, 0, BASIS_THREAD);
	charge_busy(&d, 1, 60 * MS, 60 * MS);
	measured(60 * MS);
	charge_settle(&w, &d);
	assert_in_range(x[0]->book.charged_ns - before, 29 * MS, 31 * MS);
}

static void property(void **ctx)
{
	uint64_t r = 1, claimed = 0, by[BASES] = { 0 };

	(void)ctx;
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t ns;

		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		ns = r % (50 * MS);
		if (r >> 60 < 9) {
			enum basis b = (enum basis)(r >> 40 & 3);

			charge_due(&w, &d, x[(r >> 32) % ACCOUNTS], ns, 0, b);
			claimed += ns;
			by[b] += ns;
		} else {
			measured(r >> 60 < 14 ? 2 * ns : ns / 16);
		}
		if (r >> 50 & 1)
			charge_settle(&w, &d);
		assert_true(sum(false) + d.s.own_ns <= d.s.measured_ns);
		assert_true(sum(false) + sum(true) + d.s.overclaimed_ns == claimed);
		check_bases();
	}
	assert_true(x[0]->based); /* it is kept */
	for (unsigned int b = 0; b < BASES; b++) {
		uint64_t charged = 0;

		for (unsigned int i = 0; i < ACCOUNTS; i++)
			charged += x[i]->book.basis_ns[b];
		assert_true(charged <= by[b] && charged > by[b] / 3);
	}
}

/* Twice what was burned is claimed for long: what is left of that is not paid by what is burned later. */
static void backlog(void **ctx)
{
	(void)ctx;
	for (int i = 0; i < 50; i++) {
		charge_due(&w, &d, x[0], 20 * MS, 0, BASIS_THREAD);
		measured(10 * MS);
		charge_settle(&w, &d);
		assert_true(sum(true) <= 40 * MS);
	}
	assert_int_equal(sum(false), 500 * MS);
	measured(1000 * MS);
	charge_settle(&w, &d);
	assert_in_range(sum(false), 500 * MS, 540 * MS);
	assert_int_equal(sum(false) + sum(true) + d.s.overclaimed_ns, 1000 * MS);
}

/* Clocks that contain what others ran claim twice what was burned, after a boot that nobody claims. */
static void stolen(void **ctx)
{
	uint64_t before;

	(void)ctx;
	measured(20000 * MS);
	for (unsigned int i = 0; i < 100; i++)
		measured(i % 10 ? 0 : 10 * MS); /* idle */
	before = d.charged_ns;
	for (unsigned int i = 0; i < 100; i++) {
		charge_due(&w, &d, x[0], 80 * MS, 0, BASIS_THREAD);
		measured(40 * MS);
		charge_settle(&w, &d);
	}
	/* not more than was burned meanwhile, and in the seconds before */
	assert_in_range(d.charged_ns - before, 4000 * MS, 4040 * MS);
	assert_true(d.s.measured_ns >= d.charged_ns + 20000 * MS);
}

/* An hour is claimed at once, for nobody could look before; by so much more may be charged. */
static void late(void **ctx)
{
	(void)ctx;
	measured(20000 * MS);
	for (unsigned int i = 0; i < 100; i++)
		measured(MS);
	charge_due(&w, &d, x[0], 1500 * MS, 0, BASIS_THREAD);
	charge_settle(&w, &d);
	assert_in_range(d.charged_ns, 1, 100 * MS);
	charge_late(&d, 1500 * MS);
	measured(MS); /* lanes' clocks are read before the hypervisor's */
	charge_settle(&w, &d);
	assert_int_equal(d.charged_ns, 1500 * MS);
	charge_late(&d, UINT64_MAX);
	assert_int_equal(d.carry.closed_ns, 0);
}

/* As we begin, claims for what came before are on their way: for two to four seconds. */
static void begins(void **ctx)
{
	(void)ctx;
	measured(20000 * MS);
	for (unsigned int i = 0; i < 15; i++)
		measured(MS);
	charge_due(&w, &d, x[0], 9000 * MS, 0, BASIS_THREAD);
	charge_settle(&w, &d);
	assert_int_equal(d.charged_ns, 9000 * MS);
}

static void none_left(void **ctx)
{
	(void)ctx;
	d.s.own_ns = 5; /* a ledger that somebody changed */
	assert_int_equal(charge_room(&d), 0);
	charge_due(&w, &d, x[0], 1, 0, BASIS_THREAD);
	charge_settle(&w, &d);
	assert_int_equal(sum(false), 0);
}

/* What is paid as a sender is a part of what is charged, and comes with it. */
static void as_sender(void **ctx)
{
	(void)ctx;
	charge_due(&w, &d, x[0], 10 * MS, 4 * MS, BASIS_THREAD);
	charge_due(&w, &d, x[1], 10 * MS, 0, BASIS_THREAD);
	measured(10 * MS);
	charge_settle(&w, &d);
	assert_int_equal(x[0]->book.charged_ns, 5 * MS);
	assert_int_equal(x[0]->sent_ns, 2 * MS);
	assert_int_equal(x[1]->sent_ns, 0);
	measured(10 * MS);
	charge_settle(&w, &d);
	assert_int_equal(x[0]->book.charged_ns, 10 * MS);
	assert_int_equal(x[0]->sent_ns, 4 * MS);
	assert_int_equal(x[0]->due_sent_ns, 0);
	charge_due(&w, &d, x[2], UINT64_MAX, UINT64_MAX, BASIS_THREAD);
	measured(MS);
	charge_settle(&w, &d);
	assert_true(x[2]->due_sent_ns <= x[2]->due_ns);
	assert_int_equal(x[2]->sent_ns, MS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(waits),	 TEST(liar),	  TEST(steal),	  TEST(no_steal),  TEST(uneven),
		TEST(lumps),	 TEST(unclaimed), TEST(property), TEST(none_left), TEST(backlog),
		TEST(as_sender), TEST(stolen),	  TEST(late),	  TEST(begins),
	};

	urcu_memb_register_thread();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
