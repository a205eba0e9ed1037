/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Workers of the kernel that serve disks of several VMs, billed as pools: in a made tree beside a
 * made store.
 */
#include "tests/unit/test_store.h"

#include "tests/unit/test_madetree.h"

#include "backend/process/shared.h"
#include "tests/unit/test_rnd.h"

#define WORKER 30

static struct shared pools;
static struct kdev *disk[2];
static struct {
	uint64_t reads, read_sectors, writes, write_sectors;
} done[2];
static uint64_t clock_ns;

static void write_counts(unsigned int i)
{
	run("cd " DEVICES "/vbd-%u-51712/statistics && echo %llu >rd_req && echo %llu >rd_sect && "
	    "echo %llu >wr_req && echo %llu >wr_sect",
	    i + 1, (unsigned long long)done[i].reads, (unsigned long long)done[i].read_sectors,
	    (unsigned long long)done[i].writes, (unsigned long long)done[i].write_sectors);
}

/* A disk of VM i + 1 did so much more, in requests of 4 KiB. */
static void does(unsigned int i, uint64_t reads, uint64_t writes)
{
	done[i].reads += reads;
	done[i].read_sectors += 8 * reads;
	done[i].writes += writes;
	done[i].write_sectors += 8 * writes;
	write_counts(i);
}

static void burns(const char *name, uint64_t ns)
{
	clock_ns += ns;
	make_thread(WORKER, name, 1, clock_ns);
}

static void find_all(void)
{
	bool any;

	assert_int_equal(kernel_find_devices(&k, &any), 0);
	assert_int_equal(kernel_find_threads(&k), 0);
}

static uint64_t got(unsigned int i, unsigned int pour)
{
	uint64_t ns = disk[i]->shared_ns[pour];

	disk[i]->shared_ns[pour] = 0;
	return ns;
}

static uint64_t all_got(void)
{
	return got(0, POUR_POOL) + got(1, POUR_POOL) + got(0, POUR_MODEL) + got(1, POUR_MODEL);
}

static void make_loop(const char *name, const char *number)
{
	make_block(name, number, "");
	run("mkdir -p sys/class/block/%s/loop && echo /img >sys/class/block/%s/loop/backing_file",
	    name, name);
}

static int begin(void **state)
{
	static const char *const on[2] = { "7:0", "7:1" };
	char path[60];

	if (make_tree(state))
		return -1;
	k.xsh = xs_open(0);
	shared_begin(&pools);
	k.shared = &pools;
	for (unsigned int i = 0; i < 2; i++) {
		make_disk(i + 1);
		snprintf(path, sizeof(path), "backend/vbd/%u/51712/dev", i + 1);
		put(path, "xvda");
		snprintf(path, sizeof(path), "backend/vbd/%u/51712/physical-device", i + 1);
		put(path, on[i]);
		done[i].reads = done[i].read_sectors = 100;
		done[i].writes = done[i].write_sectors = 100;
	}
	make_loop("loop0", "7:0");
	make_loop("loop1", "7:1");
	make_block("loop2", "7:2", ""); /* without a file */
	clock_ns = 5000;
	burns("kworker/u4:1+loop0", 0);
	find_all();
	LIST_FOREACH(disk[0], &k.devices, link)
		if (disk[0]->domid == 1)
			break;
	LIST_FOREACH(disk[1], &k.devices, link)
		if (disk[1]->domid == 2)
			break;
	kernel_gather(&k);
	assert_int_equal(all_got(), 0); /* what was before us */
	return 0;
}

static int end(void **state)
{
	int r = remove_tree(state);

	xs_close(k.xsh);
	store_forget();
	return r;
}

/* Requests that are alike divide directly; all of one who is alone. */
static void like(void **state)
{
	(void)state;
	does(0, 30, 0);
	does(1, 10, 0);
	burns("kworker/u4:1-loop1", 1000);
	kernel_gather(&k);
	assert_int_equal(got(0, POUR_POOL), 750);
	assert_int_equal(got(1, POUR_POOL), 250);
	does(1, 7, 5);
	burns("kworker/u4:1-loop1", 99);
	kernel_gather(&k);
	assert_int_equal(got(1, POUR_POOL), 99);
	assert_int_equal(all_got(), 0);
	assert_int_equal(burned(disk[0]) + burned(disk[1]), 0); /* apart from the threads' */
}

/* Reads cost 10 us, writes 30: that is learned, where it varies. */
static void unlike(void **state)
{
	uint64_t one = 0, two = 0, reads = 0, writes = 0;

	(void)state;
	for (unsigned int i = 0; i < 120; i++) {
		uint64_t r = rnd() % 200 + 1, w = rnd() % 200 + 1;

		does(0, r, 0);
		does(1, 0, w);
		burns("kworker/u4:1+loop0", 10000 * r + 30000 * w);
		kernel_gather(&k);
		assert_int_equal(got(0, POUR_POOL) + got(1, POUR_POOL), 0);
		if (i < 40) {
			assert_int_equal(all_got(), 10000 * r + 30000 * w);
			continue;
		}
		one += got(0, POUR_MODEL);
		two += got(1, POUR_MODEL);
		reads += r;
		writes += w;
	}
	assert_int_equal(one + two, 10000 * reads + 30000 * writes);
	assert_in_range(one, 98 * 100 * reads, 102 * 100 * reads);
}

/* Nobody knows what it did in between. */
static void another_name(void **state)
{
	(void)state;
	does(0, 10, 0);
	burns("kworker/u4:1-events_unbound", 1000);
	kernel_gather(&k);
	does(0, 10, 0);
	burns("kworker/u4:1+loop0", 1000);
	kernel_gather(&k);
	does(0, 10, 0);
	burns("kworker/u4:1-flush-253:0", 1000);
	kernel_gather(&k);
	burns("kworker/u4:1-flush-253:0", 1000);
	kernel_gather(&k);
	assert_int_equal(all_got(), 0);
	burns("kworker/u4:1+loop0", 1000);
	kernel_gather(&k);
	assert_int_equal(all_got(), 0);
	does(0, 10, 0);
	burns("kworker/u4:1+loop0", 7);
	kernel_gather(&k);
	assert_int_equal(all_got(), 7);
}

/* A request is done in one period and counted in the next; but not for ever. */
static void waits(void **state)
{
	(void)state;
	does(0, 3, 0);
	does(1, 1, 0);
	kernel_gather(&k);
	burns("kworker/u4:1+loop0", 1000);
	kernel_gather(&k);
	assert_int_equal(got(0, POUR_POOL), 750);
	assert_int_equal(got(1, POUR_POOL), 250);
	burns("kworker/u4:1+loop0", 1000);
	kernel_gather(&k);
	burns("kworker/u4:1+loop0", 500);
	kernel_gather(&k);
	assert_int_equal(all_got(), 0);
	does(1, 1, 0);
	kernel_gather(&k);
	assert_int_equal(got(1, POUR_POOL), 1500);
	kernel_gather(&k);
	burns("kworker/u4:1+loop0", 1000);
	for (unsigned int i = 0; i < SHARED_PERIODS; i++)
		kernel_gather(&k);
	does(1, 1, 0);
	kernel_gather(&k);
	assert_int_equal(all_got(), 0);
}

/* The host mounts a file: its own work is in the pool, and cannot be told from theirs. */
static void the_hosts(void **state)
{
	(void)state;
	make_loop("loop2", "7:2");
	find_all();
	does(0, 1, 0);
	burns("kworker/u4:1+loop0", 1000);
	kernel_gather(&k);
	run("rm -r sys/class/block/loop2/loop");
	find_all();
	does(0, 1, 0);
	kernel_gather(&k);
	assert_int_equal(all_got(), 0); /* nor later */
	burns("kworker/u4:1+loop0", 30);
	does(0, 1, 0);
	kernel_gather(&k);
	assert_int_equal(all_got(), 30);
	make_block("loop1", "7:1", "dm-5"); /* which is not there */
	find_all();
	burns("kworker/u4:1+loop0", 30);
	does(0, 1, 0);
	kernel_gather(&k);
	assert_int_equal(all_got(), 0);
}

/* dm-crypt below volumes of both: its thread, and the workers. */
static void crypt_workers(void **state)
{
	(void)state;
	put("backend/vbd/1/51712/physical-device", "fd:1");
	put("backend/vbd/2/51712/physical-device", "fd:2");
	disk[0]->physical = disk[1]->physical = false;
	make_block("dm-0", "253:0", "dm-1 dm-2");
	make_block("dm-1", "253:1", "");
	make_block("dm-2", "253:2", "");
	run("mkdir sys/class/block/dm-0/dm && echo CRYPT-LUKS2-abc >sys/class/block/dm-0/dm/uuid");
	run("mkdir sys/class/block/dm-1/dm && echo LVM-abc >sys/class/block/dm-1/dm/uuid");
	make_thread(40, "dmcrypt_write/253:0", 1, 100);
	burns("kworker/u4:1-kcryptd/253:0", 0);
	find_all();
	kernel_gather(&k);
	does(0, 0, 3);
	does(1, 0, 1);
	make_thread(40, "dmcrypt_write/253:0", 1, 200);
	burns("kworker/u4:1-kcryptd/253:0", 300);
	kernel_gather(&k);
	assert_int_equal(got(0, POUR_POOL), 300);
	assert_int_equal(got(1, POUR_POOL), 100);
	/* only one has a volume there: the thread is its own */
	run("rm sys/class/block/dm-0/holders/dm-2");
	find_all();
	does(0, 0, 3);
	does(1, 0, 1);
	make_thread(40, "dmcrypt_write/253:0", 1, 250);
	burns("kworker/u4:1-kcryptd/253:0", 300);
	kernel_gather(&k);
	assert_int_equal(got(0, POUR_POOL), 300);
	assert_int_equal(burned(disk[0]), 50);
	assert_int_equal(all_got(), 0);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(shared_of("kworker/u4:1+loop0"), SHARED_LOOP);
	assert_int_equal(shared_of("kworker/u4:1-kcryptd_io/253:0"), SHARED_CRYPT);
	assert_int_equal(shared_of("kworker/0:1H-md_misc"), SHARED_MD);
	assert_int_equal(shared_of("md0_raid1"), SHARED_MD);
	assert_int_equal(shared_of("dmcrypt_write/253:0"), SHARED_CRYPT);
	assert_int_equal(shared_of("kworker/u4:1-flush-253:0"), -1);
	assert_int_equal(shared_of("md0_resync"), -1);
	assert_int_equal(shared_of("ksoftirqd/0"), -1);
	assert_int_equal(shared_of(""), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(like),	     TEST(unlike),    TEST(another_name),      TEST(waits),
		TEST(crypt_workers), TEST(the_hosts), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("kernback_shared", tests, NULL, NULL);
}
