/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who pays: each rule and class; shares always make a whole. */
#include "accountant/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PAYER 9u
#define CAUSE 10u

static struct policy host;

static int setup(void **ctx)
{
	(void)ctx;
	host = policy_default();
	return 0;
}

/* Who pays, as letters: payer, cause, host, nobody; two of them. */
static const char *pays(const struct policy *vm, unsigned int klass, unsigned int cause, bool known)
{
	static char text[8];
	struct policy_shares s = policy_decide(&host, vm, klass, PAYER, cause, known);
	unsigned int n = 0;

	assert_int_equal(s.payer + s.cause + s.host + s.nobody, POLICY_WHOLE);
	for (unsigned int i = 0; i < s.payer; i++)
		text[n++] = 'p';
	for (unsigned int i = 0; i < s.cause; i++)
		text[n++] = 'c';
	for (unsigned int i = 0; i < s.host; i++)
		text[n++] = 'h';
	for (unsigned int i = 0; i < s.nobody; i++)
		text[n++] = 'n';
	text[n] = 0;
	return text;
}

static void presets(void **ctx)
{
	(void)ctx;
	for (unsigned int k = 1; k < ACCTRING_CLASSES; k++)
		if (!(POLICY_CLASSES >> k & 1)) {
			assert_string_equal(pays(NULL, k, 0, false), "pp");
			assert_string_equal(pays(NULL, k, CAUSE, true), "pp");
		}
	assert_string_equal(pays(NULL, ACCTRING_CLASS_RX, CAUSE, true), "cc");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_RX, 0, false), "pp");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_RX, CAUSE, false), "pp");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_BROADCAST, CAUSE, true), "cc");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_BROADCAST, 0, false), "hh");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_DROP, CAUSE, true), "cc");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_DROP, 0, false), "hh");
	assert_string_equal(pays(NULL, ACCTRING_CLASS_DROP, CAUSE, false), "hh");
}

/* Each word that a key may have. */
static void words(void **ctx)
{
	static const struct {
		enum policy_rule rule;
		unsigned int klass, cause;
		const char *who[4]; /* by word */
	} all[] = {
		{ POLICY_RECEIVE, ACCTRING_CLASS_RX, CAUSE, { "cc", "pp", "pc" } },
		{ POLICY_RECEIVE_OUTSIDE, ACCTRING_CLASS_RX, 0, { "pp", "hh", "nn" } },
		{ POLICY_BROADCAST, ACCTRING_CLASS_BROADCAST, CAUSE, { "cc", "pp", "hh" } },
		{ POLICY_BROADCAST_OUTSIDE, ACCTRING_CLASS_BROADCAST, 0, { "pp", "hh", "nn" } },
		{ POLICY_DROP, ACCTRING_CLASS_DROP, CAUSE, { "cc", "hh" } },
	};

	(void)ctx;
	for (unsigned int i = 0; i < POLICY_RULES; i++) {
		const struct policy_key *k = &policy_keys[all[i].rule];

		for (int64_t word = 0; k->words[word] || all[i].who[word]; word++) {
			int64_t chosen[POLICY_RULES] = { -1, -1, -1, -1, -1 };
			struct policy p;

			if (!k->words[word] || !all[i].who[word]) {
				fail_msg("%s: another number of words", k->key);
				return;
			}
			assert_non_null(strstr(k->allowed, k->words[word]));
			chosen[all[i].rule] = word;
			p = policy_of_words(chosen);
			assert_string_equal(pays(&p, all[i].klass, all[i].cause, true),
					    all[i].who[word]);
			/* another rule is the host's yet */
			assert_string_equal(pays(&p, ACCTRING_CLASS_TX, CAUSE, true), "pp");
		}
	}
}

/* Whatever is configured, the receiver never pays for a drop that others caused. */
static void never_the_receiver(void **ctx)
{
	struct policy p = { .who = { -1, -1, -1, -1, -1 } };

	(void)ctx;
	for (int8_t word = 0; policy_keys[POLICY_DROP].words[word]; word++) {
		p.who[POLICY_DROP] = policy_keys[POLICY_DROP].who[word];
		assert_null(strchr(pays(&p, ACCTRING_CLASS_DROP, CAUSE, true), 'p'));
		assert_null(strchr(pays(&p, ACCTRING_CLASS_DROP, 0, false), 'p'));
	}
}

static void to_oneself(void **ctx)
{
	(void)ctx;
	for (unsigned int k = 1; k < ACCTRING_CLASSES; k++)
		assert_string_equal(pays(NULL, k, PAYER, true), "pp");
}

static void rules(void **ctx)
{
	static const uint8_t a[16] = { 0xaa, 1 }, b[16] = { 0xbb, 2 };
	static const char *const vm[] = { "web", "7", "aa010000-0000-0000-0000-000000000000" };
	struct rules r = { .host = host };
	struct rule x = { .policy = { .who = { -1, -1, -1, -1, -1 } } };

	(void)ctx;
	for (unsigned int i = 0; i < 3; i++) {
		memcpy(x.vm, vm[i], strlen(vm[i]) + 1);
		x.policy.who[POLICY_DROP] = (int8_t)i;
		assert_true(rules_add(&r, &x));
	}
	assert_int_equal(rules_find(&r, b, 5, "web"), 1);
	assert_int_equal(rules_find(&r, b, 7, ""), 2);
	assert_int_equal(rules_find(&r, a, 5, "db"), 3);
	assert_int_equal(rules_find(&r, b, 5, "db"), 0);
	assert_int_equal(rules_find(&r, b, 5, ""), 0);
	assert_null(rules_policy(&r, 0));
	assert_null(rules_policy(&r, 4));
	assert_int_equal(rules_policy(&r, 3)->who[POLICY_DROP], 2);
	rules_free(&r);
	assert_int_equal(rules_find(&r, a, 7, "web"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(presets, setup),
		cmocka_unit_test_setup(words, setup),
		cmocka_unit_test_setup(never_the_receiver, setup),
		cmocka_unit_test_setup(to_oneself, setup),
		cmocka_unit_test_setup(rules, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
