/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes and workers that serve one VM: whose a block device is, and what
 * is billed to whom, in a made tree beside a made store.
 */
#include "tests/unit/test_store.h"

#include "tests/unit/test_madetree.h"

#include "backend/process/devmap.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------------ */
/* The device map                                                      */

static void physical_devices(void **state)
{
	static const char *const bad[] = {
		"",	 ":",	   "fd",     "fd:",	  ":0",	  "fd:0 ",  "FD:0",  "g:0",
		"fd:-1", "0xfd:0", "1000:0", "fd:100000", "fd 0", "fd:0:0", " fd:0", "fffffffff:0"
	};
	uint32_t major, minor;
	unsigned int i;

	(void)state;
	assert_true(parse_physical("fd:c", &major, &minor));
	assert_int_equal(major, 253);
	assert_int_equal(minor, 12);
	assert_true(parse_physical("fff:fffff", &major, &minor));
	assert_int_equal(major, 4095);
	assert_int_equal(minor, 1048575);
	for (i = 0; i < LENGTH(bad); i++)
		if (parse_physical(bad[i], &major, &minor))
			fail_msg("taken for a device: \"%s\"", bad[i]);
}

/* As sysfs has it: below the disk, and a link in class/block. */
static void make_partition(const char *disk, const char *name, const char *number)
{
	run("mkdir -p sys/class/block/%s/%s/holders && cd sys/class/block && echo 1 "
	    ">%s/%s/partition && "
	    "echo %s >%s/%s/dev && ln -sfn %s/%s %s",
	    disk, name, disk, name, number, disk, name, disk, name, name);
}

static int disks[4];
static struct devmap map;

static void assert_owner(const char *block, const int *disk)
{
	const struct devmap_use *u = devmap_owner(&map, block);

	assert_ptr_equal(u ? u->disk : NULL, disk);
}

static void whose(void **state)
{
	static struct devmap_use use[] = {
		{ 253, 1, 1, &disks[0] },
		{ 253, 2, 1, &disks[1] },
		{ 253, 3, 2, &disks[2] },
	};

	(void)state;
	map = (struct devmap){ .sys = sys, .use = use, .uses = LENGTH(use) };
	make_block("dm-1", "253:1", "");
	make_block("dm-2", "253:2", "");
	make_block("dm-3", "253:3", "");
	make_block("dm-4", "253:4", ""); /* the host's */
	/* itself a disk */
	assert_owner("253:1", &disks[0]);
	assert_owner("dm-1", &disks[0]);
	assert_owner("dm-3", &disks[2]);
	assert_owner("dm-4", NULL);
	/* dm-crypt below volumes: of one VM, of two, of one and the host */
	make_block("dm-0", "253:0", "dm-2 dm-1");
	assert_owner("253:0", &disks[0]);
	make_block("dm-0", "253:0", "dm-3");
	assert_owner("253:0", NULL);
	run("rm sys/class/block/dm-0/holders/dm-1 sys/class/block/dm-0/holders/dm-3");
	assert_owner("253:0", &disks[1]);
	make_block("dm-0", "253:0", "dm-4");
	assert_owner("253:0", NULL);
	run("rm sys/class/block/dm-0/holders/*");
	assert_owner("253:0", NULL); /* nobody's */
	/* what is below is whose the upper one is */
	make_block("dm-0", "253:0", "dm-1");
	make_block("md0", "9:0", "dm-0");
	assert_owner("md0", &disks[0]);
	/* a disk of one VM, and below a disk of another */
	make_block("dm-1", "253:1", "dm-3");
	assert_owner("dm-1", NULL);
	assert_owner("md0", NULL);
	/* no uses are known */
	map.uses = 0;
	assert_owner("dm-3", NULL);
}

static void partitions(void **state)
{
	static struct devmap_use use[] = { { 259, 1, 1, &disks[0] }, { 259, 2, 2, &disks[1] } };

	(void)state;
	map = (struct devmap){ .sys = sys, .use = use, .uses = LENGTH(use) };
	make_block("md1", "9:1", "");
	make_partition("md1", "md1p1", "259:1");
	assert_owner("md1p1", &disks[0]);
	assert_owner("md1", &disks[0]);
	make_partition("md1", "md1p3", "259:3"); /* nobody's: the host may have it */
	assert_owner("md1", NULL);
	run("rm -r sys/class/block/md1/md1p3");
	make_partition("md1", "md1p2", "259:2");
	assert_owner("md1", NULL);
	use[1].domid = 1;
	assert_owner("md1", &disks[0]);
	use[1].domid = 2;
}

/* A tree that is not as it should be owns nothing. */
static void bad_trees(void **state)
{
	static struct devmap_use use[] = { { 253, 1, 1, &disks[0] } };

	(void)state;
	map = (struct devmap){ .sys = sys, .use = use, .uses = LENGTH(use) };
	assert_owner("dm-1", NULL);
	assert_owner("253:1", NULL);
	make_block("dm-1", "253:1", "dm-9"); /* a holder that is not there */
	assert_owner("dm-1", NULL);
	run("rm sys/class/block/dm-1/holders/dm-9");
	assert_owner("dm-1", &disks[0]);
	run("echo 253:x >sys/class/block/dm-1/dev");
	assert_owner("dm-1", NULL);
	run("rm sys/class/block/dm-1/dev");
	assert_owner("dm-1", NULL);
	/* a circle */
	make_block("dm-1", "253:1", "dm-2");
	make_block("dm-2", "253:2", "dm-1");
	assert_owner("dm-1", NULL);
	/* holders that cannot be read */
	run("rm -r sys/class/block/dm-1/holders && echo >sys/class/block/dm-1/holders");
	assert_owner("dm-1", NULL);
}

/* ------------------------------------------------------------------ */
/* Workers, billed                                                     */

static int begin(void **state)
{
	int r = make_tree(state);

	k.xsh = xs_open(0);
	return r;
}

static int end(void **state)
{
	int r;

	store.failing = 0;
	r = remove_tree(state);
	xs_close(k.xsh);
	store_forget();
	return r;
}

static void find_all(void)
{
	bool any;

	assert_int_equal(kernel_find_devices(&k, &any), 0);
	assert_int_equal(kernel_find_threads(&k), 0);
	assert_int_equal(kernel_find_processes(&k), 0);
}

static struct kdev *disk_of(unsigned int domid)
{
	struct kdev *d;

	LIST_FOREACH(d, &k.devices, link)
		if (!d->gone && d->domid == domid)
			return d;
	return NULL;
}

static void crypt_worker(void **state)
{
	struct kdev *one, *two;

	(void)state;
	make_disk(1);
	make_disk(2);
	put("backend/vbd/1/51712/dev", "xvda");
	put("backend/vbd/2/51712/dev", "xvda");
	put("backend/vbd/1/51712/physical-device", "fd:1");
	make_block("dm-0", "253:0", "dm-1");
	make_block("dm-1", "253:1", "");
	make_block("dm-2", "253:2", "");
	make_thread(10, "1.xvda-0", 1, 1000);
	make_thread(20, "dmcrypt_write/253:0", 1, 5000);
	make_thread(21, "kworker/u4:1-kcryptd/253:0", 1, 7000);
	find_all();
	one = disk_of(1);
	two = disk_of(2);
	kernel_gather(&k);
	assert_int_equal(burned(one), 0);
	make_thread(10, "1.xvda-0", 1, 1001);
	make_thread(20, "dmcrypt_write/253:0", 1, 5010);
	make_thread(21, "kworker/u4:1-kcryptd/253:0", 1, 9000);
	kernel_gather(&k);
	assert_int_equal(burned(one), 11);
	assert_int_equal(one->threads, 1); /* workers are not its own */
	/* another VM has a volume on it: from then on it is nobody's */
	put("backend/vbd/2/51712/physical-device", "fd:2");
	make_block("dm-0", "253:0", "dm-2");
	find_all();
	make_thread(20, "dmcrypt_write/253:0", 1, 6000);
	kernel_gather(&k);
	assert_int_equal(burned(one), 11);
	assert_int_equal(burned(two), 0);
	/* the first one's is gone: it is the second's, but not what was */
	run("rm sys/class/block/dm-0/holders/dm-1");
	find_all();
	kernel_gather(&k);
	assert_int_equal(burned(two), 0);
	make_thread(20, "dmcrypt_write/253:0", 1, 6100);
	kernel_gather(&k);
	assert_int_equal(burned(one), 11);
	assert_int_equal(burned(two), 100);
	/* its disk goes */
	run("rm -r " DEVICES "/vbd-2-51712");
	find_all();
	make_thread(20, "dmcrypt_write/253:0", 1, 6200);
	kernel_gather(&k);
	assert_null(disk_of(2));
	assert_int_equal(burned(one), 11);
}

/* A worker that is younger than we may have worked for the host first. */
static void young_worker(void **state)
{
	struct kdev *d;

	(void)state;
	make_disk(1);
	put("backend/vbd/1/51712/dev", "xvda");
	put("backend/vbd/1/51712/physical-device", "9:0");
	make_block("md0", "9:0", "");
	make_thread(20, "md0_raid1", 5000, 800);
	make_thread(21, "md0_resync", 5000, 800);
	find_all();
	kernel_gather(&k);
	d = disk_of(1);
	assert_int_equal(burned(d), 0);
	make_thread(20, "md0_raid1", 5000, 803);
	make_thread(21, "md0_resync", 5000, 900);
	kernel_gather(&k);
	assert_int_equal(burned(d), 3);
}

/* ------------------------------------------------------------------ */
/* Processes                                                           */

static void make_process(int pid, const char *words, unsigned long start, unsigned long ticks)
{
	run("mkdir -p proc/%d && echo '%d (qemu) S 1 0 0 0 -1 4194560 0 0 0 0 %lu 0 0 0 20 0 1 0 "
	    "%lu 0 0' >proc/%d/stat && printf '%s' >proc/%d/cmdline",
	    pid, pid, ticks, start, pid, words, pid);
}

#define QEMU(domid) "qemu\\000-xen-domid\\000" domid "\\000-xen-attach\\000"
#define MODEL(domid) "qemu\\000-xen-domid\\000" domid "\\000-M\\000xenfv\\000"
#define TICK (1000000000ull / (unsigned long)sysconf(_SC_CLK_TCK))

static struct kproc *process(int pid)
{
	struct kproc *p;

	LIST_FOREACH(p, &k.procs, link)
		if (!p->gone && p->pid == pid)
			return p;
	return NULL;
}

static void assert_serves(int pid, unsigned int kind, unsigned int domid, unsigned int id)
{
	const struct kproc *p = process(pid);

	assert_non_null(p);
	assert_int_equal(p->serves.kind, kind);
	assert_int_equal(p->serves.domid, domid);
	assert_int_equal(p->serves.id, id);
	assert_false(p->several || p->lost);
}

static void assert_ticks(int pid, uint64_t ticks)
{
	const struct kproc *p;
	uint64_t ns = 0;

	LIST_FOREACH(p, &k.procs, link)
		if (p->pid == pid)
			ns += p->cost.ns;
	assert_int_equal(ns, ticks * TICK);
}

static void qemus(void **state)
{
	(void)state;
	put("backend/qdisk/2/51712/dev", "xvda"); /* dom0's, of libxl */
	put("/local/domain/2/image/device-model-pid", "102");
	make_process(102, QEMU("2"), 900, 100);
	put("backend/qdisk/3/51712/dev", "xvda"); /* a driver domain's, two disks */
	put("backend/qdisk/3/51728/dev", "xvdb");
	put("libxl/3/qdisk-backend-pid", "103");
	make_process(103, QEMU("3"), 1001, 100);
	put("backend/qnic/4/0/mac", ""); /* XAPI's; a vif */
	put("/local/domain/4/qemu-pid", "104");
	make_process(104, QEMU("4"), 900, 100);
	put("backend/qdisk/5/51712/dev", "xvda"); /* a mixture */
	put("backend/vfb/5/0/vnc", "");
	put("/local/domain/5/image/device-model-pid", "105");
	make_process(105, QEMU("5"), 900, 100);
	put("device-model/6/state", "running"); /* emulates, and has a qdisk */
	put("backend/qdisk/6/768/dev", "hda");
	put("/local/domain/6/image/device-model-pid", "106");
	make_process(106, MODEL("6"), 900, 100);
	put("device-model/7/state", "running"); /* nothing but emulates */
	put("/local/domain/7/image/device-model-pid", "107");
	make_process(107, MODEL("7"), 900, 100);
	put("backend/vkbd/8/0/a", ""); /* nobody has left a number */
	find_all();
	assert_serves(102, ACCTRING_KIND_VBD, 2, 51712);
	assert_serves(103, ACCTRING_KIND_VBD, 3, 0);
	assert_serves(104, ACCTRING_KIND_VIF, 4, 0);
	assert_serves(105, ACCTRING_KIND_OTHER, 5, 0);
	assert_serves(106, ACCTRING_KIND_OTHER, 6, 0);
	assert_serves(107, ACCTRING_KIND_OTHER, 7, 0);
	kernel_gather(&k);
	assert_ticks(102, 0); /* from now on */
	assert_ticks(103, 100); /* younger than we */
	make_process(102, QEMU("2"), 900, 107);
	make_process(103, QEMU("3"), 1001, 101);
	kernel_gather(&k);
	find_all();
	kernel_gather(&k);
	assert_ticks(102, 7);
	assert_ticks(103, 101);
	assert_ticks(107, 0);
}

/* What the store names, and is something else. */
static void not_it(void **state)
{
	(void)state;
	put("backend/qdisk/2/51712/dev", "xvda");
	put("/local/domain/2/image/device-model-pid", "102");
	find_all(); /* no such process */
	make_process(102, QEMU("3"), 2000, 100); /* another guest's */
	find_all();
	make_process(102, "bash\\000", 2000, 100);
	find_all();
	run("rm proc/102/cmdline"); /* ended just now */
	find_all();
	make_process(102, "", 2000, 100);
	find_all();
	make_thread(102, "1.xvda-0", 2000, 100); /* the kernel's */
	run("printf '" QEMU("2") "' >proc/102/cmdline");
	find_all();
	put("/local/domain/2/image/device-model-pid", "4194305");
	find_all();
	put("/local/domain/2/image/device-model-pid", "x");
	find_all();
	make_process(105, QEMU("5"), 2000, 100); /* not named */
	find_all();
	put("backend/vbd3/2/51728/kthread-pid", "105"); /* not a tapdisk */
	put("backend/qdisk/32752/1/dev", "xvda"); /* no domid */
	put("/local/domain/32752/image/device-model-pid", "105");
	put("backend/qdisk/x/1/dev", "xvda");
	put("device-model/-1/state", "running");
	find_all();
	assert_true(LIST_EMPTY(&k.procs));
}

static void tapdisks(void **state)
{
	(void)state;
	put("backend/vbd3/2/51712/kthread-pid", "102");
	put("backend/vbd3/2/51728/kthread-pid", "103");
	make_process(102, "tapdisk\\000", 900, 10);
	make_process(103, "/usr/sbin/tapdisk\\000", 900, 10);
	find_all();
	assert_serves(102, ACCTRING_KIND_VBD, 2, 51712);
	assert_serves(103, ACCTRING_KIND_VBD, 2, 51728);
	/* it is another VM's image, too: billed to neither */
	put("backend/vbd3/3/51712/kthread-pid", "103");
	find_all();
	make_process(102, "tapdisk\\000", 900, 11);
	make_process(103, "/usr/sbin/tapdisk\\000", 900, 15);
	kernel_gather(&k);
	assert_true(process(103)->several);
	assert_ticks(102, 1);
	assert_ticks(103, 0);
	find_all();
	assert_true(process(103)->several);
	/* the first one leaves: it is the second's, from now on */
	xs_rm(k.xsh, 0, "backend/vbd3/2/51728");
	find_all();
	assert_serves(103, ACCTRING_KIND_VBD, 3, 51712);
	make_process(103, "/usr/sbin/tapdisk\\000", 900, 17);
	kernel_gather(&k);
	assert_ticks(103, 2);
}

/* Costs of before stay whose they were. */
static void changes(void **state)
{
	struct kproc *old;

	(void)state;
	put("backend/vbd3/2/51712/kthread-pid", "102");
	make_process(102, "tapdisk\\000", 900, 10);
	find_all();
	make_process(102, "tapdisk\\000", 900, 13);
	kernel_gather(&k);
	old = process(102);
	xs_rm(k.xsh, 0, "backend/vbd3");
	put("backend/vbd3/3/51712/kthread-pid", "102");
	find_all();
	assert_true(old->gone);
	assert_int_equal(old->cost.ns, 3 * TICK);
	assert_serves(102, ACCTRING_KIND_VBD, 3, 51712);
	make_process(102, "tapdisk\\000", 900, 14);
	kernel_gather(&k);
	assert_int_equal(old->cost.ns, 3 * TICK);
	assert_int_equal(process(102)->cost.ns, 1 * TICK);
	/* not named for a time: neither billed then, nor twice after it */
	xs_rm(k.xsh, 0, "backend/vbd3");
	find_all();
	assert_true(process(102)->lost);
	make_process(102, "tapdisk\\000", 900, 20);
	kernel_gather(&k);
	assert_int_equal(process(102)->cost.ns, 1 * TICK);
	put("backend/vbd3/3/51712/kthread-pid", "102");
	find_all(); /* a VM of that domid, but which one? */
	assert_serves(102, ACCTRING_KIND_VBD, 3, 51712);
	assert_int_equal(process(102)->cost.ns, 0);
	make_process(102, "tapdisk\\000", 900, 21);
	kernel_gather(&k);
	assert_ticks(102, 3 + 1 + 1);
}

static void ends(void **state)
{
	(void)state;
	put("backend/vbd3/2/51712/kthread-pid", "102");
	make_process(102, "tapdisk\\000", 2000, 10);
	find_all();
	kernel_gather(&k);
	assert_ticks(102, 10);
	/* its number is another tapdisk's already */
	run("rm -r proc/102");
	make_process(102, "tapdisk\\000", 3000, 4);
	find_all();
	kernel_gather(&k);
	assert_ticks(102, 10 + 4);
	assert_int_equal(process(102)->cost.ns, 4 * TICK);
	/* gone; what it cost is kept until it is posted */
	run("rm -r proc/102");
	find_all();
	assert_null(process(102));
	assert_ticks(102, 10 + 4);
}

/* A stub domain's disks, vifs and processes are its VM's. */
static void stub_domains(void **state)
{
	(void)state;
	put("/local/domain/8/target", "7");
	make_disk(8);
	make_disk(7);
	put("backend/qdisk/8/51712/dev", "xvda");
	put("/local/domain/8/image/device-model-pid", "108");
	make_process(108, QEMU("8"), 900, 100);
	find_all();
	assert_int_equal(disk_of(8)->pays, 7);
	assert_int_equal(disk_of(7)->pays, 7);
	assert_serves(108, ACCTRING_KIND_VBD, 8, 51712);
	assert_int_equal(process(108)->pays, 7);
}

/* Then a process that is known stays whose it is. */
static void files_run_out(void **state)
{
	struct rlimit was;
	int files;

	(void)state;
	put("backend/vbd3/2/51712/kthread-pid", "102");
	make_process(102, "tapdisk\\000", 900, 10);
	find_all();
	for (files = 0; files < 3; files++) { /* /proc, 102 in it, its stat */
		allow_files(files, &was);
		assert_int_equal(kernel_find_processes(&k), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_serves(102, ACCTRING_KIND_VBD, 2, 51712);
	}
	make_process(102, "tapdisk\\000", 900, 12);
	kernel_gather(&k);
	assert_ticks(102, 2);
	find_all();
	assert_serves(102, ACCTRING_KIND_VBD, 2, 51712);
}

static void store_gone(void **state)
{
	(void)state;
	put("backend/vbd3/2/51712/kthread-pid", "102");
	make_process(102, "tapdisk\\000", 900, 10);
	find_all();
	store.failing = EPIPE;
	assert_int_equal(kernel_find_processes(&k), -EPIPE);
	make_process(102, "tapdisk\\000", 900, 12);
	kernel_gather(&k);
	assert_ticks(102, 2); /* still its own */
	store.failing = EACCES; /* not ours to read: as if nobody were named */
	assert_int_equal(kernel_find_processes(&k), 0);
	assert_true(process(102)->lost);
	store.failing = 0;
	k.proc = "/nowhere";
	assert_int_equal(kernel_find_processes(&k), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(physical_devices),
		cmocka_unit_test_setup_teardown(whose, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(partitions, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(bad_trees, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(crypt_worker, begin, end),
		cmocka_unit_test_setup_teardown(young_worker, begin, end),
		cmocka_unit_test_setup_teardown(qemus, begin, end),
		cmocka_unit_test_setup_teardown(not_it, begin, end),
		cmocka_unit_test_setup_teardown(tapdisks, begin, end),
		cmocka_unit_test_setup_teardown(changes, begin, end),
		cmocka_unit_test_setup_teardown(ends, begin, end),
		cmocka_unit_test_setup_teardown(stub_domains, begin, end),
		cmocka_unit_test_setup_teardown(files_run_out, begin, end),
		cmocka_unit_test_setup_teardown(store_gone, begin, end),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
