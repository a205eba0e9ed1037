/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who serves whom, and serials that tell two owners of a domid apart.
 */
#include "collector/serving.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t one[16] = { 1 }, two[16] = { 2 }, three[16] = { 3 };
static struct serving s;

static const struct serving_pair *pair(uint16_t b, uint16_t f)
{
	size_t i;

	for (i = 0; i < s.pairs; i++)
		if (s.pair[i].backend == b && s.pair[i].domid == f)
			return &s.pair[i];
	return NULL;
}

static void scan_one(uint16_t f, const uint8_t uuid[16], bool device, uint64_t now)
{
	serving_begin(&s);
	serving_domid(&s, f, uuid, now);
	if (device)
		assert_true(serving_add(&s, 1, f, uuid, "vm", now));
	serving_end(&s, now);
}

static void serial_grows_with_owners(void **state)
{
	(void)state;
	scan_one(5, one, true, 0);
	assert_int_equal(pair(1, 5)->serial, 1);
	scan_one(5, one, true, 100);
	assert_int_equal(pair(1, 5)->serial, 1);
	scan_one(5, one, false, 200);
	assert_false(pair(1, 5)->on);
	scan_one(5, one, true, 300); /* the same VM again */
	assert_true(pair(1, 5)->on);
	assert_int_equal(pair(1, 5)->serial, 1);
	scan_one(5, two, true, 400);
	assert_int_equal(pair(1, 5)->serial, 2);
	assert_memory_equal(pair(1, 5)->uuid, two, 16);
	/* gone for long enough to be forgotten: never a serial again */
	scan_one(5, two, false, 500);
	serving_expire(&s, 500 + SERVING_KEEP_MS);
	serving_purge(&s);
	assert_null(pair(1, 5));
	scan_one(5, three, true, 100000);
	assert_int_equal(pair(1, 5)->serial, 3);
	serving_free(&s);
}

static void gone_is_kept_for_a_while(void **state)
{
	(void)state;
	scan_one(5, one, true, 0);
	scan_one(5, one, false, 1000);
	serving_expire(&s, 1000 + SERVING_KEEP_MS - 1);
	assert_false(pair(1, 5)->expired);
	serving_expire(&s, 1000 + SERVING_KEEP_MS);
	assert_true(pair(1, 5)->expired);
	serving_purge(&s);
	assert_int_equal(s.pairs, 0);
	serving_free(&s);
	/* but not when the domid is another's, who has no device */
	scan_one(5, one, true, 0);
	scan_one(5, two, false, 10);
	assert_true(pair(1, 5)->expired);
	serving_free(&s);
}

static void only_the_served_are_believed(void **state)
{
	(void)state;
	scan_one(5, one, true, 0);
	assert_true(serving_believed(&s, 1, one));
	assert_false(serving_believed(&s, 2, one));
	assert_false(serving_believed(&s, 1, two));
	scan_one(5, two, true, 1000); /* `one` was served */
	assert_true(serving_believed(&s, 1, one));
	scan_one(5, two, true, 1000 + SERVING_KNOWN_MS);
	assert_false(serving_believed(&s, 1, one));
	assert_true(serving_believed(&s, 1, two));
	serving_free(&s);
}

static void a_restart_goes_on(void **state)
{
	(void)state;
	assert_true(serving_floor(&s, 1, 7));
	assert_true(serving_restore(&s, 1, 5, one, 4, true, 0));
	assert_true(serving_restore(&s, 1, 6, two, 6, false, 0));
	serving_begin(&s);
	assert_true(serving_add(&s, 1, 5, one, "vm", 0));
	assert_true(serving_add(&s, 1, 6, three, "vm", 0));
	assert_true(serving_add(&s, 1, 7, two, "vm", 0));
	serving_end(&s, 0);
	assert_int_equal(pair(1, 5)->serial, 4);
	assert_int_equal(pair(1, 6)->serial, 8);
	assert_int_equal(pair(1, 7)->serial, 9);
	assert_int_equal(serving_last_serial(&s, 1), 9);
	/* the store is read only after we gave serials: theirs count */
	assert_true(serving_restore(&s, 1, 5, one, 20, true, 0));
	assert_int_equal(pair(1, 5)->serial, 20);
	assert_true(serving_restore(&s, 1, 6, one, 30, true, 0));
	assert_int_equal(pair(1, 6)->serial, 31);
	assert_memory_equal(pair(1, 6)->uuid, three, 16);
	serving_free(&s);
}

static void many(void **state)
{
	unsigned int i, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		serving_begin(&s);
		for (i = 0; i < 300; i++) {
			uint8_t uuid[16] = { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)round };

			serving_domid(&s, (uint16_t)i, uuid, round);
			assert_true(serving_add(&s, 1, (uint16_t)i, uuid, "vm", round));
		}
		serving_end(&s, round);
		serving_purge(&s);
		assert_int_equal(s.pairs, 300);
		assert_int_equal(serving_last_serial(&s, 1), 300 * (round + 1));
	}
	serving_drop(&s, 1);
	serving_purge(&s);
	assert_int_equal(s.pairs, 0);
	serving_free(&s);
}

static void lines(void **state)
{
	char line[SERVING_LINE];
	uint64_t serial;
	uint8_t uuid[16];
	bool on;

	(void)state;
	scan_one(5, one, true, 0);
	serving_line(pair(1, 5), line);
	assert_string_equal(line, "v=1 uuid=01000000-0000-0000-0000-000000000000 serial=1 state=on "
				  "name=vm");
	assert_true(serving_parse(line, uuid, &serial, &on));
	assert_true(on);
	assert_int_equal(serial, 1);
	assert_memory_equal(uuid, one, 16);
	/* a limit is news; small changes of it wait, and it is said anew */
	serving_limit(&s.pair[0], 50000000, 7000);
	serving_line(pair(1, 5), line);
	assert_string_equal(line, "v=1 uuid=01000000-0000-0000-0000-000000000000 serial=1 state=on "
				  "limit=50000000 limit_at=7 name=vm");
	assert_true(serving_parse(line, uuid, &serial, &on));
	serving_limit(&s.pair[0], 51000000, 11999);
	assert_int_equal(pair(1, 5)->limit, 50000000);
	serving_limit(&s.pair[0], 51000000, 12000);
	assert_int_equal(pair(1, 5)->limit, 51000000);
	serving_limit(&s.pair[0], 25000000, 12999);
	assert_int_equal(pair(1, 5)->limit, 51000000);
	serving_limit(&s.pair[0], 25000000, 13000);
	assert_int_equal(pair(1, 5)->limit, 25000000);
	serving_limit(&s.pair[0], 0, 13000);
	assert_int_equal(pair(1, 5)->limit, 0);
	assert_false(serving_parse("v=2 uuid=01000000-0000-0000-0000-000000000000 serial=1 "
				   "state=on",
				   uuid, &serial, &on));
	assert_false(serving_parse("v=1 uuid=01000000-0000-0000-0000-000000000000 serial=-1 "
				   "state=on",
				   uuid, &serial, &on));
	assert_false(serving_parse("v=1 uuid=01000000-0000-0000-0000-000000000000 serial=1 "
				   "state=off",
				   uuid, &serial, &on));
	serving_free(&s);
}

static void backend_paths(void **state)
{
	static const char *const bad[] = {
		"",
		"/local/domain",
		"/local/domain/1/backend/vbd/5",
		"/local/domain/1/backend/vbd/5/",
		"/local/domain/1/backend/vbd/6/51712",
		"/local/domain/1/backend/vbd/05/51712",
		"/local/domain/01/backend/vbd/5/51712",
		"/local/domain/32752/backend/vbd/5/51712",
		"/local/domain/-1/backend/vbd/5/51712",
		"/local/domain//backend/vbd/5/51712",
		"/local/domain/1/backend//5/51712",
		"/local/domain/1/data/vbd/5/51712",
		"/local/domain/1/backend/vbd/5/51712/x",
		"local/domain/1/backend/vbd/5/51712",
		"/local/domain/4294967297/backend/vbd/5/51712",
		"/vm/1/backend/vbd/5/51712",
	};
	uint16_t b = 99;
	size_t i;

	(void)state;
	assert_true(serving_backend_path("/local/domain/1/backend/vbd/5/51712", 5, &b));
	assert_int_equal(b, 1);
	assert_true(serving_backend_path("/local/domain/0/backend/9pfs/32751/x-y", 32751, &b));
	assert_int_equal(b, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(serving_backend_path(bad[i], 5, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_grows_with_owners),
		cmocka_unit_test(gone_is_kept_for_a_while),
		cmocka_unit_test(only_the_served_are_believed),
		cmocka_unit_test(a_restart_goes_on),
		cmocka_unit_test(many),
		cmocka_unit_test(lines),
		cmocka_unit_test(backend_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
