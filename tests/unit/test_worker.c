/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of threads and words of command lines: which block device, pool or
 * VM they tell, and which they do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/process/worker.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void workers(void **state)
{
	static const char *const good[][2] = {
		{ "dmcrypt_write/253:0", "253:0" },
		{ "dmcrypt_write/253:1048575", "253:1048575" },
		{ "kcryptd/253:12", "253:12" },
		{ "kcryptd_io/253:1", "253:1" },
		{ "kdmflush/253:3", "253:3" },
		{ "md0_raid1", "md0" },
		{ "md127_raid10", "md127" },
		{ "md_home_a_raid5", "md_home_a" },
		{ "md0_raid4", "md0" },
		{ "md0_raid6", "md0" },
		{ "mdX_raid1", "mdX" }, /* of LVM: there is no such device */
	};
	static const char *const bad[] = {
		"",
		"dmcrypt_write/",
		"dmcrypt_write/253",
		"dmcrypt_write/253:",
		"dmcrypt_write/:0",
		"dmcrypt_write/253:0 ",
		"dmcrypt_write/253:0x",
		"dmcrypt_write/a:b",
		"dmcrypt_write/-1:0",
		"dmcrypt_write",
		"kcryptd/253:0+kcryptd/253:0",
		"kcryptd/../../etc",
		"dmcrypt_write/00000000000000000000000000000000:0",
		"kworker/u4:1-loop0",
		"kworker/u4:1+kcryptd/253:0",
		"md0_resync",
		"md0_reshape",
		"md0_raid0",
		"md0_raid1x",
		"md0",
		"_raid1",
		"md0/x_raid1",
		"md.._raid1",
		"sda_raid1",
		"mdnamethatistoolongforanydiskatall_raid1",
		"dm-thin",
		"loop0",
	};
	char block[WORKER_BLOCK];
	unsigned int i;

	(void)state;
	for (i = 0; i < LENGTH(good); i++) {
		assert_true(parse_worker_name(good[i][0], block));
		assert_string_equal(block, good[i][1]);
	}
	for (i = 0; i < LENGTH(bad); i++)
		if (parse_worker_name(bad[i], block))
			fail_msg("taken for a worker: \"%s\"", bad[i]);
}

static void pools(void **state)
{
	static const struct {
		const char *name, *pool;
		bool kernel;
	} all[] = {
		{ "kworker/u4:1-loop0", "workers-loop", true },
		{ "kworker/u4:1+loop12", "workers-loop", true },
		{ "kworker/u9:2-kcryptd/253:0", "workers-crypt", true },
		{ "kworker/u9:2-kcryptd_io/253:0", "workers-crypt", true },
		{ "kworker/u4:0+dm-thin", "workers-thin", true },
		{ "kworker/u4:0-raid5wq", "workers-md", true },
		{ "kworker/u4:0-flush-253:0", "workers-writeback", true },
		{ "kworker/u4:0-writeback", "workers-writeback", true },
		{ "kworker/0:1H-kblockd", "workers-other", true },
		{ "kworker/0:1", "workers-other", true },
		{ "kworker/u4:0-events_unbound", "workers-other", true },
		{ "ksoftirqd/0", "ksoftirqd", true },
		{ "kswapd0", "kswapd", true },
		{ "jbd2/sda1-8", "journal", true },
		{ "xfsaild/dm-0", "journal", true },
		{ "md0_resync", "resync", true },
		{ "md127_reshape", "resync", true },
		{ "kthreadd", NULL, true },
		{ "xenstored", NULL, true },
		{ "oxenstored", "xenstored", false },
		{ "xenstored", "xenstored", false },
		{ "xenconsoled", "xenconsoled", false },
		{ "ovs-vswitchd", "ovs-vswitchd", false },
		{ "tapback", "tapback", false },
		{ "ksoftirqd/0", NULL, false }, /* who calls itself so */
		{ "bash", NULL, false },
	};
	const char *pool;
	unsigned int i;

	(void)state;
	for (i = 0; i < LENGTH(all); i++) {
		pool = pool_of(all[i].name, all[i].kernel);
		if (!all[i].pool != !pool || (pool && strcmp(pool, all[i].pool) != 0))
			fail_msg("\"%s\" is in pool %s", all[i].name, pool ? pool : "none");
	}
}

#define WORDS(text) text, sizeof(text) - 1

static void command_lines(void **state)
{
	(void)state;
	assert_true(qemu_serves(WORDS("qemu\0-xen-domid\0"
				      "5\0-xen-attach\0"),
				5));
	assert_true(qemu_serves(WORDS("qemu\0-name\0a\0-xen-domid\0"
				      "5\0"),
				5));
	assert_false(qemu_serves(WORDS("qemu\0-xen-domid\0"
				       "5\0"),
				 6));
	assert_false(qemu_serves(WORDS("qemu\0-xen-domid\0"
				       "50\0"),
				 5));
	assert_false(qemu_serves(WORDS("qemu\0-xen-domid\0"
				       "5"),
				 5)); /* cut: 50? */
	assert_false(qemu_serves(WORDS("qemu\0-xen-domid\0"), 5));
	assert_false(qemu_serves(WORDS("qemu\0-xen-domid"), 5));
	assert_false(qemu_serves(WORDS("qemu\0-xen-domid=5\0"), 5));
	assert_false(qemu_serves(WORDS("qemu -xen-domid 5\0"), 5));
	assert_false(qemu_serves(WORDS(""), 5));
	assert_false(qemu_serves(WORDS("\0"), 5));
	assert_true(qemu_attaches(WORDS("qemu\0-xen-attach\0")));
	assert_true(qemu_attaches(WORDS("qemu\0\0\0-xen-attach\0-M\0")));
	assert_false(qemu_attaches(WORDS("qemu\0-xen-attac\0")));
	assert_false(qemu_attaches(WORDS("qemu\0-xen-attach")));
	assert_true(is_tapdisk(WORDS("tapdisk\0")));
	assert_true(is_tapdisk(WORDS("/usr/sbin/tapdisk2\0-l\0")));
	assert_false(is_tapdisk(WORDS("/tapdisk/bash\0")));
	assert_false(is_tapdisk(WORDS("bash\0tapdisk\0")));
	assert_false(is_tapdisk(WORDS("tapdisk")));
	assert_false(is_tapdisk(WORDS("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers),
		cmocka_unit_test(pools),
		cmocka_unit_test(command_lines),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
