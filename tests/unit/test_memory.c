/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a collector leaves to the next one: rows and their bases, what was
 * spent; and what it forgets of VMs that are no more.
 */
#include "tests/unit/test_store.h"

#include "collector/collector.h"
#include "common/clock.h"
#include "common/log.h"

#define SERVED "/tool/acctring/served/7"
#define A "0a000000-0000-0000-0000-000000000000"
#define VM1 "01000000-0000-0000-0000-000000000000"
#define VM2 "02000000-0000-0000-0000-000000000000"

static const uint8_t a_uuid[16] = { 10 }, b_uuid[16] = { 7 };
static const uint8_t vm1[16] = { 1 }, vm2[16] = { 2 };

static void begin(struct collector *c)
{
	static struct domain alive[2];

	memset(c, 0, sizeof(*c));
	c->xsh = xs_open(0);
	alive[0] = (struct domain){ .domid = 7 };
	memcpy(alive[0].uuid, b_uuid, 16);
	alive[1] = (struct domain){ .domid = 11 };
	memcpy(alive[1].uuid, vm1, 16);
	c->domains.domain = alive;
	c->domains.n = 2;
}

static void end(struct collector *c)
{
	sources_free(c);
	serving_free(&c->serving);
	free(c->limit);
	free(c->pair);
	xs_close(c->xsh);
}

static struct kept kept(const uint8_t vm[16], uint64_t ns, uint64_t base)
{
	struct kept k = { .ledger = 0xabc };

	k.is = (struct acctring_statement_row){ .what = ACCTRING_STMT_VM,
						.backend = 7,
						.domid = 11,
						.charged_ns = ns,
						.vbd_ns = ns,
						.shared_ns = ns / 3,
						.posted_ns = 2 * ns,
						.units = 3,
						.bytes = 4 };
	memcpy(k.is.uuid, vm, 16);
	if (base) {
		k.base = k.is;
		k.base.charged_ns = k.base.vbd_ns = base;
	}
	return k;
}

/* The first collector: VM1 has a base, VM2 (which is no more) has none. */
static void first(void)
{
	struct kept one = kept(vm1, 1500, 1000), two = kept(vm2, 300, 0);
	struct collector c;

	begin(&c);
	limit_owner(limit_of(&c, 7), b_uuid);
	limit_see(limit_of(&c, 7), 5000);
	pair_of(&c, 7, a_uuid, true)->unbilled_ns = 1000;
	assert_true(source_restore(&c, a_uuid, &one));
	assert_true(source_restore(&c, a_uuid, &two));
	memory_save(&c);
	end(&c);
}

static void base_is_kept(void **state)
{
	struct collector c;
	struct kept *k;

	(void)state;
	first();
	assert_string_equal(value_at(SERVED "/" A), "v=1 unbilled_ns=1000");
	begin(&c);
	memory_load(&c);
	assert_int_equal(pair_of(&c, 7, a_uuid, false)->unbilled_ns, 1000);
	assert_int_equal(limit_of(&c, 7)->cpu_ns, 5000);
	k = source_kept(c.source[0], 7, vm1);
	assert_non_null(k);
	assert_true(k->saved);
	assert_int_equal(k->ledger, 0xabc);
	assert_int_equal(k->is.charged_ns, 1500);
	assert_int_equal(k->base.what, ACCTRING_STMT_VM);
	assert_int_equal(k->base.charged_ns, 1000);
	assert_int_equal(k->base.posted_ns, 3000);
	assert_int_equal(k->base.vbd_ns, 1000);
	assert_int_equal(k->is.shared_ns, 500);
	assert_int_equal(k->base.shared_ns, 500);
	k = source_kept(c.source[0], 7, vm2);
	assert_non_null(k);
	assert_int_equal(k->base.what | k->base.charged_ns, 0);
	end(&c);
	store_forget();
}

/* A row whose base cannot be read is not billed without it. */
static void broken_base(void **state)
{
	struct collector c;
	char line[512];

	(void)state;
	first();
	snprintf(line, sizeof(line), "%s", value_at(SERVED "/" A "/" VM1));
	assert_non_null(strstr(line, " base_units=3"));
	strstr(line, " base_units=3")[12] = 'x';
	put(SERVED "/" A "/" VM1, line);
	begin(&c);
	memory_load(&c);
	assert_null(source_kept(c.source[0], 7, vm1));
	assert_non_null(source_kept(c.source[0], 7, vm2));
	end(&c);
	store_forget();
}

/* VM2 ended an hour ago: its row goes; the CPU that it was billed stays spent. */
static void what_is_forgotten_is_spent(void **state)
{
	struct collector c;

	(void)state;
	first();
	begin(&c);
	memory_load(&c);
	memory_sweep(&c); /* it may be rebooting */
	assert_non_null(source_kept(c.source[0], 7, vm2));
	assert_string_not_equal(value_at(SERVED "/" A "/" VM2), "");
	serving_domid(&c.serving, 11, vm1, now_ms() + SERVING_KNOWN_MS);
	serving_expire(&c.serving, now_ms() + SERVING_KNOWN_MS);
	memory_sweep(&c);
	assert_null(source_kept(c.source[0], 7, vm2));
	assert_string_equal(value_at(SERVED "/" A "/" VM2), "");
	assert_non_null(source_kept(c.source[0], 7, vm1));
	assert_int_equal(limit_of(&c, 7)->spent_ns, 300);
	memory_save(&c);
	end(&c);
	begin(&c);
	memory_load(&c);
	assert_int_equal(limit_of(&c, 7)->spent_ns, 300);
	assert_null(source_kept(c.source[0], 7, vm2));
	/* 5000 burned, 300 spent, 500 above VM1's base */
	assert_int_equal(limit_judge(limit_of(&c, 7), 500, 4200), LIMIT_FITS);
	assert_int_equal(limit_judge(limit_of(&c, 7), 500, 4201), LIMIT_BASE);
	end(&c);
	store_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_is_kept),
		cmocka_unit_test(broken_base),
		cmocka_unit_test(what_is_forgotten_is_spent),
	};

	log_init("test", false, false);
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
