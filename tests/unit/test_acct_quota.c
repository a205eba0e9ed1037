/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits as people say them: parts of a CPU, names of domains, which one counts. */
#include "accountant/quota.h"
#include "common/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void percents(void **state)
{
	static const struct {
		const char *text;
		uint64_t ppm;
	} good[] = {
		{ "5%", 50000 },	   { "5", 50000 },	 { "0.1%", 1000 },
		{ "0.12345", 0 },	   { "12.5%", 125000 },	 { ".5", 5000 },
		{ "100000%", 1000000000 }, { "1.2345%", 12345 }, { "5.%", 50000 },
	};
	static const char *const bad[] = {
		"",	"%",	  ".",	 "5%%", "5 %",	 "-5%", "0",
		"0.05", "100001", "1e3", "5%x", "1.2.3", "nan", "99999999999999999999"
	};
	char text[PERCENT_TEXT];
	uint64_t ppm;

	(void)state;
	for (unsigned int i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(percent_parse(good[i].text, &ppm), good[i].ppm != 0);
		if (good[i].ppm)
			assert_int_equal(ppm, good[i].ppm);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (percent_parse(bad[i], &ppm))
			fail_msg("\"%s\" is taken for %d", bad[i], (int)ppm);
	assert_string_equal(percent_format(text, 50000), "5 %");
	assert_string_equal(percent_format(text, 1000), "0.1 %");
	assert_string_equal(percent_format(text, 12345), "1.2345 %");
	assert_string_equal(percent_format(text, 1000000000), "100000 %");
}

static void domains(void **state)
{
	static const uint8_t uuid[16] = { 0xab, 0xcd };
	char name[] = "web", domid[] = "32751", far[] = "32752", blank[] = "a b", path[] = "a/b",
	     upper[] = "ABCD0000-0000-0000-0000-000000000000", none[] = "", long_name[80];

	(void)state;
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 0;
	assert_true(domtext_ok(name) && domtext_ok(domid) && domtext_ok(upper));
	assert_string_equal(upper, "abcd0000-0000-0000-0000-000000000000");
	assert_false(domtext_ok(far) || domtext_ok(blank) || domtext_ok(path) || domtext_ok(none) ||
		     domtext_ok(long_name));
	long_name[63] = 0;
	assert_true(domtext_ok(long_name));
	assert_true(domtext_is("web", uuid, 7, "web") && domtext_is("7", uuid, 7, "") &&
		    domtext_is(upper, uuid, 7, "web"));
	assert_false(domtext_is("web", uuid, 7, "we") || domtext_is("8", uuid, 7, "8") ||
		     domtext_is("abcd0000-0000-0000-0000-000000000001", uuid, 7, "web"));
}

static void which(void **state)
{
	static const uint8_t a[16] = { 0xaa }, net[16] = { 0x0e };
	const struct quota_domain web = { a, 7, "web" }, db = { a, 8, "db" };
	const struct quota_domain driver = { net, 3, "netvm" }, other = { net, 4, "diskvm" };
	struct quotas q = { 0 };

	(void)state;
	assert_null(quota_find(&q, &web, NULL));
	assert_true(quota_set(&q, "web", "", 50000));
	assert_true(quota_set(&q, "web", "netvm", 20000));
	assert_int_equal(quota_find(&q, &web, NULL)->ppm, 50000);
	assert_int_equal(quota_find(&q, &web, &driver)->ppm, 20000);
	assert_null(quota_find(&q, &web, &other));
	assert_null(quota_find(&q, &db, NULL));
	assert_true(q.item[0].dirty && q.item[1].dirty);
	quota_clean(&q);
	assert_false(q.item[0].dirty || q.item[1].dirty);
	/* one that is cleared counts no more, and stands there until that is durable */
	assert_true(quota_set(&q, "web", "", 0));
	assert_null(quota_find(&q, &web, NULL));
	assert_int_equal(q.n, 2);
	assert_true(q.item[0].dirty);
	quota_clean(&q);
	assert_int_equal(q.n, 1);
	assert_int_equal(quota_find(&q, &web, &driver)->ppm, 20000);
	for (unsigned int i = q.n; i < QUOTAS_MAX; i++) {
		char vm[16];

		snprintf(vm, sizeof(vm), "vm%u", i);
		assert_true(quota_load(&q, vm, "", 1000));
		assert_false(q.item[i].dirty);
	}
	assert_false(quota_set(&q, "one more", "", 1000));
	assert_true(quota_set(&q, "vm7", "", 2000));
	quota_free(&q);
	assert_null(quota_find(&q, &web, &driver));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percents),
		cmocka_unit_test(domains),
		cmocka_unit_test(which),
	};

	return cmocka_run_group_tests_name("acct_quota", tests, NULL, NULL);
}
