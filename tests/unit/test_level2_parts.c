/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The programs for the kernel, as they are in the daemon: each is in a part, and
 * what the table of parts names is there.  No kernel is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "backend/kernel/bpf/load.h"
#include "backend/kernel/bpf/object.h"
#include "backend/kernel/bpf/parts.h"

static struct bpf_object *open_object(void)
{
	struct bpf_object *o = object_open();

	assert_non_null(o);
	return o;
}

static void each_is_in_a_part(void **state)
{
	unsigned int n = 0, of[PARTS + 1] = { 0 }, i;
	struct bpf_object *o = open_object();
	struct bpf_program *p;

	(void)state;
	bpf_object__for_each_program(p, o)
	{
		n++;
		of[part_of(bpf_program__name(p))]++;
		if (part_of(bpf_program__name(p)) == PARTS)
			fail_msg("in no part: %s", bpf_program__name(p));
	}
	for (i = 0; i < PARTS; i++) {
		if (of[i] != part_programs(i))
			fail_msg("%s: %u programs, not %u", part_name(i), of[i], part_programs(i));
	}
	assert_in_range(n, PARTS, BPF_PROGRAMS);
	assert_int_equal(part_of("on_nothing"), PARTS);
	bpf_object__close(o);
}

/* What both sides call the same must be of one size. */
static void the_maps_are_as_we_read_them(void **state)
{
	struct bpf_object *o = open_object();
	static const char *const names[] = { "sums", "pairs" };
	struct bpf_map *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		m = bpf_object__find_map_by_name(o, names[i]);
		assert_non_null(m);
		assert_int_equal(bpf_map__key_size(m), sizeof(struct bpf_key));
		assert_int_equal(bpf_map__value_size(m), sizeof(struct bpf_sum));
	}
	/* guests cannot make it grow, and it is read as it is written: one value a key */
	assert_int_equal(bpf_map__max_entries(m), BPF_PAIRS);
	assert_int_equal(bpf_map__type(m), BPF_MAP_TYPE_HASH);
	assert_int_equal(part_of("on_give"), PART_SENDERS);
	assert_int_equal(sizeof(struct bpf_key), 16);
	bpf_object__close(o);
}

/* Here it is loaded, or it is said why not; either way nothing stays open. */
static void says_why(void **state)
{
	const char *name, *says;
	char why[100] = "";
	struct bpf_load *b = bpf_load_open(why, sizeof(why));
	unsigned int i;

	(void)state;
	if (!b)
		assert_true(strlen(why) > 10);
	for (i = 0; bpf_probe_part(i, &name, &says); i++)
		assert_true(*name && *says);
	assert_int_equal(i, PARTS);
	part_forget();
	bpf_load_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_in_a_part),
		cmocka_unit_test(the_maps_are_as_we_read_them),
		cmocka_unit_test(says_why),
	};

	return cmocka_run_group_tests_name("level2_parts", tests, NULL, NULL);
}
