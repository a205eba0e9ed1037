/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose account: any UUID is a VM's; devices beyond the limit share one. */
#include "accountant/accounts.h"

#include "accountant/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct accounts a;

static int setup(void **ctx)
{
	(void)ctx;
	return accounts_init(&a) ? 0 : -1;
}

static int teardown(void **ctx)
{
	(void)ctx;
	accounts_free(&a);
	return 0;
}

static struct account *vm(uint16_t backend, uint8_t who, uint8_t kind, uint32_t device)
{
	struct account_key k = {
		.backend = backend, .kind = kind, .device = device, .uuid = { who }
	};

	return accounts_get_vm(&a, &k);
}

/* dom0's handle is often all zeros, as is the key of "own". */
static void zero_uuid_is_a_vm(void **ctx)
{
	struct account_key own = { .backend = 1, .kind = ACCTRING_KIND_OWN };
	struct account *o = accounts_get(&a, &own), *x;

	(void)ctx;
	for (unsigned int kind = 0; kind < 256; kind++) {
		x = vm(1, 0, (uint8_t)kind, 0);
		assert_ptr_not_equal(x, o);
		assert_true(account_is_vm(x));
	}
	assert_false(account_is_vm(o));
}

static void unknown_kinds(void **ctx)
{
	(void)ctx;
	assert_int_equal(vm(1, 1, 0, 7)->key.kind, ACCTRING_KIND_OTHER);
	assert_int_equal(vm(1, 1, ACCTRING_KINDS, 7)->key.kind, ACCTRING_KIND_OTHER);
	assert_int_equal(vm(1, 1, 255, 7)->key.kind, ACCTRING_KIND_OTHER);
	assert_int_equal(vm(1, 1, ACCTRING_KINDS - 1, 7)->key.kind, ACCTRING_KINDS - 1);
}

static void bounded(void **ctx)
{
	struct account *first = vm(1, 1, ACCTRING_KIND_VBD, 1), *shared;

	(void)ctx;
	for (uint32_t i = 0; i < 100000; i++)
		vm(1, 1, (uint8_t)i, i);
	assert_int_equal(a.count, ACCOUNTS_PER_VM);
	shared = vm(1, 1, ACCTRING_KIND_VBD, 1u << 30);
	assert_int_equal(shared->key.kind, ACCTRING_KIND_OTHER);
	assert_int_equal(shared->key.device, 0);
	/* who was there first stays apart; other VMs and driver domains are not touched */
	assert_ptr_equal(vm(1, 1, ACCTRING_KIND_VBD, 1), first);
	assert_int_equal(vm(1, 2, ACCTRING_KIND_VIF, 9)->key.device, 9);
	assert_int_equal(vm(2, 1, ACCTRING_KIND_VIF, 9)->key.device, 9);
}

static void saturates(void **ctx)
{
	struct account *x = vm(1, 1, ACCTRING_KIND_VBD, 1);
	const struct sums s = { 1, UINT64_MAX, 5, UINT64_MAX / 2 + 2 };

	(void)ctx;
	account_post(&a, x, 2, &s);
	account_post(&a, x, 2, &s);
	assert_int_equal(x->book.klass[2].posts, 2);
	assert_true(x->book.klass[2].units == UINT64_MAX);
	assert_int_equal(x->book.klass[2].bytes, 10);
	assert_true(x->book.klass[2].ns == UINT64_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(zero_uuid_is_a_vm),
		TEST(unknown_kinds),
		TEST(bounded),
		TEST(saturates),
	};

	urcu_memb_register_thread();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
