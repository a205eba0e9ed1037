/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose a device is: the kernel's, as a made-up sysfs says; another
 * process's, by its lock.  And the numbers of disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/claim.h"
#include "tools/plug.h"

static char sys[64];

static void make(const char *path)
{
	char full[200];

	snprintf(full, sizeof(full), "%s/%s", sys, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static int make_sysfs(void **state)
{
	(void)state;
	strcpy(sys, "/tmp/acctring-claim.XXXXXX");
	if (!mkdtemp(sys))
		return -1;
	make("bus");
	make("bus/xen-backend");
	make("bus/xen-backend/devices");
	make("bus/xen-backend/drivers");
	return 0;
}

static int remove_sysfs(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", sys);
	return system(command); /* NOLINT(cert-env33-c) */
}

static void kernel(void **state)
{
	char where[200], full[200], *end;

	(void)state;
	assert_false(claim_kernel_kind("/nowhere", "vbd", where, sizeof(where)));
	assert_false(claim_kernel_kind(sys, "vbd", where, sizeof(where)));
	assert_false(claim_kernel_device(sys, "vbd", 7, 51712, where, sizeof(where)));
	/* the bus makes a directory for each device, with a driver or not */
	make("bus/xen-backend/devices/vbd-7-51712");
	assert_false(claim_kernel_device(sys, "vbd", 7, 51712, where, sizeof(where)));
	/* the link's target matters not */
	snprintf(full, sizeof(full), "%s/bus/xen-backend/devices/vbd-7-51712/driver", sys);
	assert_int_equal(symlink("../gone", full), 0);
	assert_true(claim_kernel_device(sys, "vbd", 7, 51712, where, sizeof(where)));
	assert_string_equal(where, full);
	assert_false(claim_kernel_device(sys, "vbd", 7, 51728, where, sizeof(where)));
	assert_false(claim_kernel_device(sys, "vbd", 8, 51712, where, sizeof(where)));
	assert_false(claim_kernel_kind(sys, "vbd", where, sizeof(where)));
	/* a driver of the kind takes all */
	make("bus/xen-backend/drivers/vbd");
	assert_true(claim_kernel_kind(sys, "vbd", where, sizeof(where)));
	assert_true(claim_kernel_device(sys, "vbd", 8, 51712, where, sizeof(where)));
	end = strrchr(where, '/');
	assert_string_equal(end, "/vbd");
	assert_false(claim_kernel_kind(sys, "abd", where, sizeof(where)));
	assert_false(claim_kernel_kind(sys, "vif", where, sizeof(where)));
}

/* What another process gets: 0 the claim, 1 a refusal that names `owner`. */
static int other_process(unsigned int domid, const char *kind, pid_t owner)
{
	char why[300], want[40];
	pid_t pid = fork();
	int status;

	if (!pid) {
		snprintf(want, sizeof(want), "by process %ld,", (long)owner);
		if (claim_kind(domid, kind, why, sizeof(why)))
			_exit(0);
		_exit(strstr(why, want) ? 1 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void lock(void **state)
{
	char why[300], dir[100];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/run", sys);
	setenv("ACCTRING_RUNDIR", dir, 1);
	assert_int_equal(other_process(3, "abd", 0), 0);
	assert_true(claim_kind(3, "abd", why, sizeof(why))); /* that one has ended */
	assert_int_equal(other_process(3, "abd", getpid()), 1);
	assert_int_equal(other_process(3, "avif", 0), 0);
	assert_int_equal(other_process(4, "abd", 0), 0);
	/* where others may write, they could hold it */
	assert_int_equal(chmod(dir, 0777), 0);
	assert_false(claim_kind(5, "abd", why, sizeof(why)));
	assert_non_null(strstr(why, "allowed: a directory of our own"));
	setenv("ACCTRING_RUNDIR", "/dev/null", 1);
	assert_false(claim_kind(5, "abd", why, sizeof(why)));
	unsetenv("ACCTRING_RUNDIR");
}

static void disk_names(void **state)
{
	static const struct {
		const char *name;
		uint32_t devid;
	} known[] = {
		{ "xvda", 51712 },     { "xvda1", 51713 },     { "xvdb", 51728 },
		{ "xvdp15", 51967 },   { "xvdq", 268439552 },  { "xvda16", 268435472 },
		{ "xvdz", 268441856 }, { "xvdaa", 268442112 }, { "xvdzz", 268614912 },
	};
	static const char *const bad[] = { "",	     "xvd",    "xvd1",	    "xvda0", "xvda01",
					   "xvdA",   "xvdaaa", "xvda256",   "sda",   "-1",
					   "xvda 1", "0x10",   "4294967296" };
	char name[16];
	uint32_t devid;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_true(vdev_parse(known[i].name, &devid));
		assert_int_equal(devid, known[i].devid);
		vdev_name(devid, name);
		assert_string_equal(name, known[i].name);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(vdev_parse(bad[i], &devid));
	assert_true(vdev_parse("768", &devid));
	assert_int_equal(devid, 768);
	vdev_name(768, name); /* hda: no name of ours */
	assert_string_equal(name, "");
	vdev_name(UINT32_MAX, name);
	assert_string_equal(name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel),
		cmocka_unit_test(lock),
		cmocka_unit_test(disk_names),
	};

	return cmocka_run_group_tests(tests, make_sysfs, remove_sysfs);
}
