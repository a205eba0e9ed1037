/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration: each mistake is told with file, line, key and what is
 * allowed, and it is the first one of the file.
 */
#include "collector/config.h"
#include "common/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char file[] = "/tmp/test_conf.XXXXXX";

static void put(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The text is refused, with this after the file's name. */
static void refused(const char *text, const char *expected)
{
	struct config c;
	bool defaulted;
	char *error;

	put(text);
	assert_false(config_load(&c, file, &defaulted, &error));
	assert_non_null(error);
	assert_memory_equal(error, file, strlen(file));
	if (strncmp(error + strlen(file), expected, strlen(expected)))
		fail_msg("got %s, expected %s", error, expected);
	assert_null(strchr(error, '\n'));
	assert_non_null(strstr(error, "allowed: "));
	assert_int_equal(c.drivers, 0);
	free(error);
}

static void accepted(struct config *c, const char *text)
{
	bool defaulted;
	char *error;

	put(text);
	if (!config_load(c, file, &defaulted, &error))
		fail_msg("%s", error);
	assert_false(defaulted);
}

static void good(void **state)
{
	struct config c;

	(void)state;
	accepted(&c, "drivers = ( { domain = \"net\"; accountant = \"0\"; },\n"
		     "            { domain = \"829C8F03-45D1-4157-960C-54F7153E645A\"; },\n"
		     "            { domain = \"7\"; accountant = \"7\"; } );\n"
		     "bill_period_ms = 1000;\nmeasure_period_ms = 60000;\n");
	assert_int_equal(c.drivers, 3);
	assert_string_equal(c.driver[0].domain, "net");
	assert_string_equal(c.driver[0].accountant, "0");
	assert_string_equal(c.driver[1].domain, "829c8f03-45d1-4157-960c-54f7153e645a");
	assert_string_equal(c.driver[1].accountant, "0");
	assert_string_equal(c.driver[2].accountant, "7");
	assert_int_equal(c.bill_period_ms, 1000);
	assert_int_equal(c.measure_period_ms, 60000);
	config_free(&c);
	accepted(&c, "# nothing\n");
	assert_int_equal(c.drivers, 1);
	assert_string_equal(c.driver[0].domain, "0");
	assert_int_equal(c.bill_period_ms, 5000);
	assert_int_equal(c.measure_period_ms, 1000);
	assert_int_equal(c.mode, MODE_OBSERVE);
	assert_int_equal(c.scope, SCOPE_AUTO);
	assert_string_equal(c.debt.entitlements, "/var/lib/acctring/entitlement");
	assert_null(balance_valid(&c.law));
	config_free(&c);
	accepted(&c, "drivers = ( { domain = \"7\"; trust = \"none\"; }, { domain = \"8\"; } );\n"
		     "mode = \"debt\"; scope = \"all\"; entitlements = \"/x\";\n"
		     "max_debt_share = 90; max_debt_ms = 1000; burst_ms = 10;\n"
		     "charge_factor = 50; included = 3; floor = 4;\n");
	assert_true(c.driver[0].untrusted);
	assert_false(c.driver[1].untrusted);
	assert_int_equal(c.mode, MODE_DEBT);
	assert_int_equal(c.scope, SCOPE_ALL);
	assert_string_equal(c.debt.entitlements, "/x");
	assert_int_equal(c.law.max_share_pm, 900);
	assert_int_equal(c.law.max_debt_ms, 1000);
	assert_int_equal(c.law.burst_ms, 10);
	assert_int_equal(c.law.charge_pm, 500);
	assert_int_equal(c.law.included, 3 * BALANCE_GRAIN);
	assert_int_equal(c.law.floor, 4 * BALANCE_GRAIN);
	assert_null(balance_valid(&c.law));
	config_free(&c);
}

static void bad(void **state)
{
	(void)state;
	refused("mode = \"dept\";\n",
		": mode: \"dept\", allowed: \"observe\", \"guard\", \"debt\"");
	refused("scope = \"x\";\n", ": scope: \"x\", allowed: \"auto\", \"all\", \"none\"");
	refused("drivers = ( { domain = \"1\"; trust = \"some\"; } );\n",
		":1: drivers: trust: unknown, allowed: \"full\", \"none\"");
	refused("bill_period_ms = 999;\n",
		":1: bill_period_ms: 999 is out of range, allowed: 1000..");
	refused("\nbill_period_ms = 3600001;\n", ":2: bill_period_ms: 3600001 is out");
	refused("bill_period_ms = -5;\n", ":1: bill_period_ms: -5 is out of range");
	refused("bill_period_ms = \"5\";\n", ":1: bill_period_ms: not an integer");
	refused("bill_period_ms = 1.5;\n", ":1: bill_period_ms: not an integer");
	refused("measure_period_ms = true;\n", ":1: measure_period_ms: not an integer");
	refused("bill_period = 5;\n",
		":1: bill_period: unknown setting, allowed: drivers, bill_period_ms, measure");
	refused("drivers = 5;\n", ":1: drivers: not a list");
	refused("drivers = ();\n", ":1: drivers: too few elements");
	refused("drivers = ( 5 );\n", ":1: drivers: an element is not a group");
	refused("drivers = (\n { domain = 5; } );\n", ":2: domain: not a string");
	refused("drivers = (\n { domain = \"\"; } );\n", ":2: domain: too short");
	refused("drivers = (\n { domain = \"a\"; },\n { dom = \"b\"; } );\n",
		":3: dom: unknown setting, allowed: domain, accountant");
	refused("drivers = (\n { domain = \"a b\"; } );\n", ":2: drivers: domain: not a domain");
	refused("drivers = (\n { domain = \"32752\"; } );\n", ":2: drivers: domain: not a domain");
	refused("drivers = (\n { domain = \"a\"; accountant = \"a/b\"; } );\n",
		":2: drivers: accountant: not a domain");
	refused("drivers = (\n { accountant = \"a\"; } );\n", ":2: drivers: domain is missing");
	refused("drivers = (\n { domain = \"a\"; },\n\n { domain = \"a\"; } );\n",
		":4: drivers: domain: named twice");
	refused("\n\ndrivers = (;\n", ":3: syntax error");
	refused("a = 1;\na = 2;\n", ":2: duplicate setting name");
	refused("zzz = 1;\nbill_period_ms = 1;\n", ":1: zzz");
}

static void bad_files(void **state)
{
	struct config c;
	bool defaulted;
	char *error;

	(void)state;
	assert_false(config_load(&c, "/nowhere/x.conf", &defaulted, &error));
	assert_string_equal(error, "/nowhere/x.conf:0: No such file or directory, allowed: a "
				   "readable file");
	free(error);
	assert_false(config_load(&c, "/", &defaulted, &error));
	assert_non_null(strstr(error, "Is a directory"));
	free(error);
}

static struct {
	int64_t number;
	char *text;
	char seen[128];
} item;

static const char *add(void *ctx)
{
	size_t used = strlen(item.seen);

	assert_ptr_equal(ctx, &item);
	snprintf(item.seen + used, sizeof(item.seen) - used, "%d%s ", (int)item.number,
		 item.text ? item.text : "-");
	return item.number == 9 ? "nine is not allowed" : NULL;
}

/* What one group sets does not leak into the next. */
static void groups_begin_anew(void **state)
{
	const struct conf_key items[] = {
		{ .key = "n", .type = CONF_INT, .out = &item.number, .max = 9, .allowed = "0..9" },
		{ .key = "s", .type = CONF_STRING, .out = &item.text, .max = 2, .allowed = "0..2" },
		{ .key = NULL },
	};
	const struct conf_key keys[] = {
		{ .key = "l", .type = CONF_LIST, .allowed = "( .. )", .item = items, .add = add },
		{ .key = NULL },
	};
	char *error;

	(void)state;
	item.number = 3;
	put("l = ( { n = 5; s = \"x\"; }, { }, { s = \"y\"; } );");
	assert_true(conf_read(file, keys, &item, &error));
	assert_string_equal(item.seen, "5x 3- 3y ");
	assert_int_equal(item.number, 3);
	assert_null(item.text);
	put("l = ( { s = \"xx\"; },\n { n = 9; s = \"xx\"; } );");
	assert_false(conf_read(file, keys, &item, &error));
	assert_non_null(strstr(error, ":2: l: nine is not allowed"));
	assert_null(item.text);
	free(error);
}

/* A word of a few, in a group. */
static void choices(void **state)
{
	static const char *const words[] = { "red", "green", NULL };
	const struct conf_key inner[] = {
		{ .key = "c",
		  .type = CONF_CHOICE,
		  .out = &item.number,
		  .words = words,
		  .allowed = "\"red\", \"green\"" },
		{ .key = NULL },
	};
	const struct conf_key keys[] = {
		{ .key = "g", .type = CONF_GROUP, .item = inner, .allowed = "{ .. }" },
		{ .key = NULL },
	};
	static const char *const wrong[][2] = {
		{ "g = { c = \"blue\"; };", ":1: c: \"blue\", allowed: \"red\", \"green\"" },
		{ "g = {\n c = \"\"; };", ":2: c: \"\", allowed: " },
		{ "g = { c = 1; };", ":1: c: not a string, allowed: " },
		{ "g = { d = 1; };", ":1: d: unknown setting, allowed: c" },
		{ "g = ( );", ":1: g: not a group { .. }, allowed: { .. }" },
	};
	char *error;

	(void)state;
	item.number = -1;
	put("g = { c = \"green\"; };");
	assert_true(conf_read(file, keys, &item, &error));
	assert_int_equal(item.number, 1);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		put(wrong[i][0]);
		assert_false(conf_read(file, keys, &item, &error));
		if (!strstr(error, wrong[i][1]))
			fail_msg("got %s, expected %s", error, wrong[i][1]);
		free(error);
	}
	assert_int_equal(item.number, 1);
}

static int make_file(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),	     cmocka_unit_test(bad),
		cmocka_unit_test(bad_files), cmocka_unit_test(groups_begin_anew),
		cmocka_unit_test(choices),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
