/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines and values of the store: one spelling for each value, nothing else
 * is taken.
 */
#include "common/kv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void version_is_first(void **state)
{
	(void)state;
	assert_true(kv_is_v1("v=1"));
	assert_true(kv_is_v1("v=1 uuid=x"));
	assert_false(kv_is_v1(""));
	assert_false(kv_is_v1("v=2 uuid=x"));
	assert_false(kv_is_v1("v=10 uuid=x"));
	assert_false(kv_is_v1("uuid=x v=1"));
	assert_false(kv_is_v1(" v=1"));
}

static void words(void **state)
{
	char buf[8];

	(void)state;
	assert_true(kv_get("v=1 name=one uname=two", "name", buf, sizeof(buf)));
	assert_string_equal(buf, "one");
	assert_true(kv_get("v=1 uname=two name=one", "name", buf, sizeof(buf)));
	assert_string_equal(buf, "one");
	assert_true(kv_get("v=1 name=a=b", "name", buf, sizeof(buf)));
	assert_string_equal(buf, "a=b");
	assert_true(kv_get("v=1 name=", "name", buf, sizeof(buf)));
	assert_string_equal(buf, "");
	assert_true(kv_get("v=1 name=seven77", "name", buf, sizeof(buf)));
	/* the first of two counts */
	assert_true(kv_get("v=1 name=x name=y", "name", buf, sizeof(buf)));
	assert_string_equal(buf, "x");
	assert_false(kv_get("v=1 name=eight888", "name", buf, sizeof(buf)));
	assert_false(kv_get("v=1 name", "name", buf, sizeof(buf)));
	assert_false(kv_get("v=1 names=x", "name", buf, sizeof(buf)));
	assert_false(kv_get("v=1\tname=x", "name", buf, sizeof(buf)));
	assert_false(kv_get("", "name", buf, sizeof(buf)));
}

static void numbers(void **state)
{
	static const char *const bad[] = { "",
					   "-1",
					   "+1",
					   " 1",
					   "1 ",
					   "0x1",
					   "1.0",
					   "01",
					   "00",
					   "1e3",
					   "18446744073709551616",
					   "99999999999999999999999" };
	uint64_t out = 77;
	size_t i;

	(void)state;
	assert_true(parse_u64("0", 0, &out));
	assert_int_equal(out, 0);
	assert_true(parse_u64("18446744073709551615", UINT64_MAX, &out));
	assert_true(out == UINT64_MAX);
	assert_true(parse_u64("32751", 32751, &out));
	out = 77;
	assert_false(parse_u64("32752", 32751, &out));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse_u64(bad[i], UINT64_MAX, &out));
	assert_int_equal(out, 77); /* untouched by what was refused */
	assert_true(kv_u64("v=1 n=5 m=6", "m", 10, &out));
	assert_int_equal(out, 6);
	assert_false(kv_u64("v=1 n=5 m=6", "m", 5, &out));
	assert_false(kv_u64("v=1 n=5 m=", "m", 5, &out));
	assert_false(kv_u64("v=1 m=000000000000000000000000000005", "m", 5, &out));
}

static void hex(void **state)
{
	uint64_t out = 0;

	(void)state;
	assert_true(parse_hex64("00f3a5b6c7d8e9f0", &out));
	assert_true(out == 0x00f3a5b6c7d8e9f0);
	assert_false(parse_hex64("00f3a5b6c7d8e9f", &out));
	assert_false(parse_hex64("00f3a5b6c7d8e9f00", &out));
	assert_false(parse_hex64("00F3a5b6c7d8e9f0", &out));
	assert_false(parse_hex64("0x0000000000000f", &out));
	assert_false(parse_hex64("", &out));
}

static void uuids(void **state)
{
	static const char text[] = "829c8f03-45d1-4157-960c-54f7153e645a";
	char back[UUID_TEXT], wrong[sizeof(text)];
	uint8_t uuid[16];
	size_t i;

	(void)state;
	assert_true(uuid_parse(text, uuid));
	assert_int_equal(uuid[0], 0x82);
	assert_int_equal(uuid[15], 0x5a);
	uuid_format(uuid, back);
	assert_string_equal(back, text);
	assert_false(uuid_parse("", uuid));
	assert_false(uuid_parse("829c8f03-45d1-4157-960c-54f7153e645", uuid));
	assert_false(uuid_parse("829c8f03-45d1-4157-960c-54f7153e645aa", uuid));
	for (i = 0; i < sizeof(text) - 1; i++) {
		memcpy(wrong, text, sizeof(text));
		wrong[i] = wrong[i] == '-' ? '0' : 'g';
		assert_false(uuid_parse(wrong, uuid));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_is_first),
		cmocka_unit_test(words),
		cmocka_unit_test(numbers),
		cmocka_unit_test(hex),
		cmocka_unit_test(uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
