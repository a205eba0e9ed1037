/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much a VM may have cost at most: charges of others on shared pools, and what was nobody's. */
#include "accountant/bounds.h"

#include "accountant/charge.h"
#include "accountant/worker.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define VMS 3u
#define MS 1000000ull

static struct worker w;
static struct domain d;
static struct account *x[VMS];
static uint64_t now_ms_;

static struct account *account(uint8_t who, uint8_t kind, uint32_t device)
{
	struct account_key key = { .backend = 1, .kind = kind, .device = device, .uuid = { who } };

	return accounts_get(&w.accounts, &key);
}

static int setup(void **ctx)
{
	(void)ctx;
	memset(&w, 0, sizeof(w));
	memset(&d, 0, sizeof(d));
	d.domid = 1;
	if (!accounts_init(&w.accounts))
		return -1;
	d.own = account(0, ACCTRING_KIND_OWN, 0);
	d.refused = account(255, ACCTRING_KIND_OWN, 1);
	for (unsigned int i = 0; i < VMS; i++)
		x[i] = account((uint8_t)(i + 1), ACCTRING_KIND_VBD, 7);
	charge_measured(&d, MS, now_ms_ += 100); /* before anybody looks */
	bounds_look(&w, &d);
	return 0;
}

static int teardown(void **ctx)
{
	(void)ctx;
	accounts_free(&w.accounts);
	return 0;
}

static uint64_t beside(unsigned int vm)
{
	return x[vm]->vm->beside.ns;
}

static void posts(unsigned int vm)
{
	account_post(&w.accounts, x[vm], 2, &(struct sums){ 1, 1, 1, 1 });
}

static void window(uint64_t measured)
{
	charge_measured(&d, measured, now_ms_ += 100);
	charge_settle(&w, &d);
	bounds_look(&w, &d);
}

static void nobodys(void **ctx)
{
	(void)ctx;
	assert_int_equal(bounds_unattributed(&d), MS);
	posts(0);
	charge_due(&w, &d, x[1], 4 * MS, 0, BASIS_THREAD);
	window(10 * MS);
	assert_int_equal(beside(0), 6 * MS);
	assert_int_equal(beside(1), 6 * MS);
	assert_int_equal(beside(2), 0);
	charge_settle(&w, &d);
	bounds_look(&w, &d); /* nothing was measured since */
	window(3 * MS); /* nobody was there */
	assert_int_equal(beside(0) + beside(1) + beside(2), 12 * MS);
	posts(2);
	window(2 * MS);
	assert_int_equal(beside(2), 2 * MS);
}

/* All devices of a VM are one VM. */
static void devices(void **ctx)
{
	struct account *more = account(1, ACCTRING_KIND_VIF, 0);
	struct account *all = account(1, ACCTRING_KIND_OTHER, 0);

	(void)ctx;
	assert_ptr_equal(more->vm, all);
	assert_ptr_equal(all->vm, all);
	assert_ptr_equal(x[0]->vm, all);
	assert_null(d.own->vm);
	posts(0);
	account_post(&w.accounts, more, 2, &(struct sums){ 1, 1, 1, 1 });
	account_post(&w.accounts, all, 2, &(struct sums){ 1, 1, 1, 1 });
	window(10 * MS);
	assert_int_equal(all->beside.ns, 10 * MS);
	assert_int_equal(x[0]->beside.ns + more->beside.ns, 0);
}

/* Of what rests on pools the others' part, too; direct and thread are known. */
static void shared(void **ctx)
{
	(void)ctx;
	charge_due(&w, &d, x[0], 4 * MS, 0, BASIS_POOL);
	charge_due(&w, &d, x[0], 1 * MS, 0, BASIS_DIRECT);
	charge_due(&w, &d, x[1], 3 * MS, 0, BASIS_MODEL);
	charge_due(&w, &d, x[1], 2 * MS, 0, BASIS_THREAD);
	charge_due(&w, &d, d.own, 7 * MS, 0, BASIS_POOL);
	window(17 * MS);
	assert_int_equal(beside(0), 3 * MS);
	assert_int_equal(beside(1), 4 * MS);
	assert_int_equal(beside(2), 0);
}

/* Measured in one window, claimed in the next: it was not nobody's. */
static void late(void **ctx)
{
	(void)ctx;
	posts(0);
	posts(1);
	window(10 * MS);
	assert_int_equal(beside(0), 10 * MS);
	charge_due(&w, &d, x[0], 18 * MS, 0, BASIS_THREAD);
	window(10 * MS); /* 8 of it were burned before */
	assert_int_equal(beside(0), 2 * MS);
	assert_int_equal(beside(1), 2 * MS); /* though it was not there any more */
	window(5 * MS); /* now without both */
	charge_due(&w, &d, x[2], 5 * MS, 0, BASIS_THREAD);
	window(MS); /* what was nobody's without them is not taken back from them */
	assert_int_equal(beside(0), 2 * MS);
	assert_int_equal(beside(1), 2 * MS);
	assert_int_equal(beside(2), 0);
}

/*
 * Who is there all the time has exactly what was nobody's and others' on pools, whatever comes
 * late; nobody has less than that of the windows in which it was, if all claims come at once.
 */
static void property(void **ctx)
{
	uint64_t before, pools = 0, mine, truth[VMS] = { 0 };

	(void)ctx;
	for (unsigned int i = 0; i < 5000; i++) {
		uint64_t left = bounds_unattributed(&d), all = 0, none = rnd() % MS;
		bool in[VMS] = { true, rnd() & 1, rnd() & 1 };
		uint64_t pool[VMS] = { 0 };

		for (unsigned int v = 0; v < VMS; v++) {
			enum basis b = (enum basis)(rnd() % BASES);
			uint64_t ns = in[v] ? rnd() % MS : 0;

			if (in[v])
				posts(v);
			charge_due(&w, &d, x[v], ns, 0, b);
			pool[v] = b == BASIS_POOL || b == BASIS_MODEL ? ns : 0;
			all += ns;
		}
		window(all + none);
		assert_int_equal(bounds_unattributed(&d), left + none);
		for (unsigned int v = 0; v < VMS; v++) {
			uint64_t others = pool[0] + pool[1] + pool[2] - pool[v];

			truth[v] += in[v] ? none + others : 0;
			assert_int_equal(beside(v), truth[v]);
			assert_int_equal(basis_sum(x[v]->book.basis_ns), x[v]->book.charged_ns);
		}
	}
	/* and now later than they were measured */
	mine = beside(0);
	before = bounds_unattributed(&d);
	for (unsigned int i = 0; i < 5000; i++) {
		uint64_t was = basis_shared(x[1]->book.basis_ns);

		posts(0);
		charge_due(&w, &d, x[1], rnd() % MS, 0, BASIS_POOL);
		window(rnd() % MS + 1);
		pools += basis_shared(x[1]->book.basis_ns) - was;
		assert_true(beside(0) + before >= mine + pools + bounds_unattributed(&d));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobodys), TEST(devices), TEST(shared), TEST(late), TEST(property),
	};

	urcu_memb_register_thread();
	return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
