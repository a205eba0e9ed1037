/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices and threads that come, go and come back, in a made tree.
 */
#include "tests/unit/test_madetree.h"

#include <errno.h>

/* In place of common/xs.c: what the store says. */
static bool store_gone;

char *xs_readf(struct xs_handle *xsh, const char *fmt, ...)
{
	(void)xsh;
	(void)fmt;
	if (store_gone) {
		errno = EPIPE;
		return NULL;
	}
	return strdup("xvda");
}

char **xs_listf(struct xs_handle *xsh, unsigned int *n, const char *fmt, ...)
{
	(void)xsh;
	(void)fmt;
	*n = 0;
	errno = store_gone ? EPIPE : ENOENT;
	return NULL;
}

static int make_tree_and_store(void **state)
{
	store_gone = false;
	return make_tree(state);
}

static bool find_all(void)
{
	bool changed;

	assert_int_equal(kernel_find_devices(&k, &changed), 0);
	assert_int_equal(kernel_find_threads(&k), 0);
	return changed;
}

static struct kdev *device(unsigned int kind, unsigned int domid)
{
	struct kdev *d;

	LIST_FOREACH(d, &k.devices, link)
		if (!d->gone && d->kind == kind && d->domid == domid)
			return d;
	return NULL;
}

static void forget_costs(void)
{
	struct kdev *d;

	LIST_FOREACH(d, &k.devices, link)
		memset(d->cost, 0, sizeof(d->cost));
}

static void assert_cost(const struct kdev *d, unsigned int klass, uint64_t ns, uint64_t units,
			uint64_t bytes)
{
	assert_int_equal(d->cost[klass].ns, ns);
	assert_int_equal(d->cost[klass].units, units);
	assert_int_equal(d->cost[klass].bytes, bytes);
}

/* What was before us is not billed; what comes is, from its beginning. */
static void disks(void **state)
{
	struct kdev *d;

	(void)state;
	make_disk(1);
	make_thread(10, "1.xvda-0", 900, 5000);
	make_thread(11, "1.xvda-1", 900, 6000);
	make_thread(12, "bash", 900, 999);
	assert_true(find_all());
	d = device(ACCTRING_KIND_VBD, 1);
	assert_non_null(d);
	assert_int_equal(d->threads, 2);
	assert_true(kdev_connected(d));
	assert_false(kernel_gather(&k));
	assert_cost(d, ACCTRING_CLASS_OTHER, 0, 0, 0);
	assert_cost(d, ACCTRING_CLASS_READ, 0, 0, 0);
	make_thread(10, "1.xvda-0", 900, 5300);
	make_thread(11, "1.xvda-1", 900, 6100);
	run("cd " DEVICES "/vbd-1-51712/statistics && echo 103 >rd_req && echo 124 >rd_sect && "
	    "echo 101 >wr_req && echo 108 >wr_sect");
	assert_false(kernel_gather(&k));
	assert_cost(d, ACCTRING_CLASS_READ, 300, 3, 24ull * 512);
	assert_cost(d, ACCTRING_CLASS_WRITE, 100, 1, 8ull * 512);
	/* a second disk and a third ring; costs that wait add up */
	make_disk(2);
	make_thread(13, "1.xvda-2", 1001, 40);
	make_thread(14, "2.xvda-0", 2000, 70);
	assert_true(find_all());
	assert_false(find_all());
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 300, 3, 24ull * 512);
	assert_cost(d, ACCTRING_CLASS_OTHER, 40, 0, 0);
	d = device(ACCTRING_KIND_VBD, 2);
	assert_int_equal(d->cost[ACCTRING_CLASS_READ].units, 100);
	assert_int_equal(d->cost[ACCTRING_CLASS_READ].ns + d->cost[ACCTRING_CLASS_WRITE].ns +
				 d->cost[ACCTRING_CLASS_FLUSH].ns +
				 d->cost[ACCTRING_CLASS_DISCARD].ns,
			 70);
	assert_int_equal(d->cost[ACCTRING_CLASS_FLUSH].units, 100);
	assert_int_equal(d->cost[ACCTRING_CLASS_DISCARD].units, 100);
}

static void vifs(void **state)
{
	struct kdev *d, *renamed;

	(void)state;
	make_vif(1, "vif1.0");
	make_vif(2, "web");
	make_thread(10, "vif1.0-q0-guest-rx", 1, 100);
	make_thread(11, "vif1.0-q0-dealloc", 1, 100);
	make_thread(12, "web-q0-guest-rx", 1, 100);
	make_thread(13, "1.xvda-0", 1, 100); /* no such disk */
	find_all();
	kernel_gather(&k);
	make_thread(10, "vif1.0-q0-guest-rx", 1, 110);
	make_thread(11, "vif1.0-q0-dealloc", 1, 101);
	make_thread(12, "web-q0-guest-rx", 1, 120);
	run("cd " DEVICES "/vif-1-0/net/vif1.0/statistics && echo 9 >rx_packets && "
	    "echo 2007 >rx_bytes && echo 8 >tx_packets && echo 507 >tx_bytes && echo 8 "
	    ">tx_dropped");
	kernel_gather(&k);
	d = device(ACCTRING_KIND_VIF, 1);
	assert_cost(d, ACCTRING_CLASS_TX, 1, 2, 2000); /* the guest has sent */
	assert_cost(d, ACCTRING_CLASS_RX, 10, 1, 500);
	assert_cost(d, ACCTRING_CLASS_DROP, 0, 1, 0);
	renamed = device(ACCTRING_KIND_VIF, 2);
	assert_cost(renamed, ACCTRING_CLASS_RX, 20, 0, 0);
	/* threaded: its polls are the guest's sending; another's are nobody's */
	make_thread(20, "napi/vif1.0-8200", 2000, 6);
	make_thread(21, "napi/eth0-8201", 2000, 6);
	find_all();
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_TX, 7, 2, 2000);
	make_thread(20, "napi/vif1.0-8200", 2000, 16);
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_TX, 17, 2, 2000);
	assert_int_equal(d->threads, 3);
	/* the name of its threads stays when the interface gets another */
	run("mv " DEVICES "/vif-1-0/net/vif1.0 " DEVICES "/vif-1-0/net/db");
	forget_costs();
	find_all();
	make_thread(10, "vif1.0-q0-guest-rx", 1, 115);
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_RX, 5, 0, 0);
}

static bool is_threaded(unsigned int domid, const char *name, const char *flag)
{
	char command[300];

	snprintf(command, sizeof(command), "grep -q %s %s/" DEVICES "/vif-%u-0/net/%s/threaded",
		 flag, tree, domid, name);
	return !system(command); /* NOLINT(cert-env33-c) */
}

static void threaded(void **state)
{
	(void)state;
	make_vif(1, "vif1.0");
	make_vif(2, "web");
	make_vif(3, "vif3.0");
	make_disk(4);
	run("cd " DEVICES " && for n in 1-0/net/vif1.0 2-0/net/web; do echo 0 >vif-$n/threaded; "
	    "done; echo InitWait >vif-2-0/state");
	find_all();
	assert_true(kernel_thread_polls(&k, true));
	assert_true(is_threaded(1, "vif1.0", "1"));
	assert_true(is_threaded(2, "web", "0")); /* not connected yet */
	assert_true(k.unthreaded); /* the third has no such file: an old kernel */
	assert_false(kernel_thread_polls(&k, true));
	run("echo Connected >" DEVICES "/vif-2-0/state");
	find_all();
	assert_true(kernel_thread_polls(&k, true));
	assert_true(is_threaded(2, "web", "1"));
	assert_true(kernel_thread_polls(&k, false));
	assert_true(is_threaded(1, "vif1.0", "0"));
	assert_true(is_threaded(2, "web", "0"));
	assert_false(kernel_thread_polls(&k, false));
}

/* A guest reconnects: threads and counts begin anew. */
static void restarts(void **state)
{
	struct kdev *d;

	(void)state;
	make_disk(1);
	make_thread(10, "1.xvda-0", 900, 5000);
	find_all();
	kernel_gather(&k);
	d = device(ACCTRING_KIND_VBD, 1);
	assert_false(kernel_lacks_threads(&k));
	run("rm -r proc/10");
	find_all();
	assert_int_equal(d->threads, 0);
	assert_true(kernel_lacks_threads(&k));
	run("cd " DEVICES "/vbd-1-51712/statistics && echo 2 >rd_req && echo 16 >rd_sect");
	make_thread(10, "1.xvda-0", 2000, 30); /* the same number */
	assert_false(find_all());
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 30, 2, 16ull * 512);
	/* its number goes to another between two scans */
	run("rm proc/10/schedstat");
	make_thread(10, "1.xvda-0", 3000, 50);
	find_all();
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 30, 2, 16ull * 512);
	assert_cost(d, ACCTRING_CLASS_OTHER, 50, 0, 0);
	/* a clock that runs backwards tells nothing */
	make_thread(10, "1.xvda-0", 3000, 20);
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_OTHER, 50, 0, 0);
	/* a file that cannot be read now says nothing; the thread is still known */
	run("echo nonsense >proc/10/schedstat && echo >" DEVICES "/vbd-1-51712/statistics/rd_req");
	assert_false(kernel_gather(&k));
	assert_int_equal(d->threads, 1);
	make_thread(10, "1.xvda-0", 3000, 21);
	run("echo 3 >" DEVICES "/vbd-1-51712/statistics/rd_req");
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 31, 3, 16ull * 512);
	/* closing: its counts are not to be read */
	run("echo Closing >" DEVICES "/vbd-1-51712/state && echo 9 >" DEVICES
	    "/vbd-1-51712/statistics/rd_req");
	make_thread(10, "1.xvda-0", 3000, 25);
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 31, 3, 16ull * 512);
	assert_cost(d, ACCTRING_CLASS_OTHER, 54, 0, 0);
	assert_true(find_all()); /* it may come back with other threads */
	assert_false(find_all());
	/* and with rings that have counted more than the last ones at the last look */
	run("cd " DEVICES "/vbd-1-51712 && echo Connected >state && echo 5 >statistics/rd_req");
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 31, 3 + 5, 2 * 16ull * 512);
	/* no count, but memory that was freed meanwhile */
	run("echo 18446744071562067968 >" DEVICES "/vbd-1-51712/statistics/rd_req");
	kernel_gather(&k);
	assert_int_equal(d->cost[ACCTRING_CLASS_READ].units, 3 + 5);
	run("echo 6 >" DEVICES "/vbd-1-51712/statistics/rd_req");
	kernel_gather(&k);
	assert_int_equal(d->cost[ACCTRING_CLASS_READ].units, 3 + 6);
}

/* A kernel whose threads are called otherwise: said, and not looked for all the time. */
static void unpaid(void **state)
{
	unsigned int i;

	(void)state;
	make_disk(1);
	make_thread(10, "1.renamed-0", 900, 5000);
	for (i = 0; i < 10; i++) {
		find_all();
		assert_int_equal(kernel_lacks_threads(&k), i < 9);
	}
	assert_int_equal(device(ACCTRING_KIND_VBD, 1)->lacks, 10);
	make_thread(11, "1.xvda-0", 900, 5000);
	find_all();
	assert_int_equal(device(ACCTRING_KIND_VBD, 1)->lacks, 0);
	run("rm -r proc/11");
	find_all();
	assert_true(kernel_lacks_threads(&k));
}

/* Nothing is taken for gone, and begun anew, because files run out. */
static void files_run_out(void **state)
{
	struct rlimit was;
	struct kdev *d;
	bool changed;

	(void)state;
	make_disk(1);
	make_thread(10, "1.xvda-0", 900, 5000);
	find_all();
	kernel_gather(&k);
	d = device(ACCTRING_KIND_VBD, 1);
	make_disk(2);
	allow_files(1, &was); /* for the list of devices */
	assert_int_equal(kernel_find_devices(&k, &changed), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_ptr_equal(device(ACCTRING_KIND_VBD, 1), d);
	assert_null(device(ACCTRING_KIND_VBD, 2));
	assert_int_equal(d->threads, 1);
	assert_int_equal(kernel_find_devices(&k, &changed), 0);
	assert_non_null(device(ACCTRING_KIND_VBD, 2));
}

/* The domid goes to another VM; what the first one cost is not forgotten. */
static void domid_again(void **state)
{
	struct kdev *first, *second;

	(void)state;
	make_disk(1);
	make_thread(10, "1.xvda-0", 900, 5000);
	find_all();
	kernel_gather(&k);
	first = device(ACCTRING_KIND_VBD, 1);
	make_thread(10, "1.xvda-0", 900, 5007);
	kernel_gather(&k);
	run("mv " DEVICES "/vbd-1-51712 away && rm -r proc/10");
	make_disk(1);
	make_thread(20, "1.xvda-0", 5000, 4);
	assert_true(find_all());
	second = device(ACCTRING_KIND_VBD, 1);
	assert_ptr_not_equal(first, second);
	assert_true(first->gone);
	kernel_gather(&k);
	assert_cost(first, ACCTRING_CLASS_OTHER, 7, 0, 0);
	assert_cost(second, ACCTRING_CLASS_READ, 1, 100, 51200); /* 4 ns by four classes */
	forget_costs();
	run("rm -r " DEVICES "/vbd-1-51712");
	assert_true(find_all());
	assert_null(device(ACCTRING_KIND_VBD, 1));
}

/* What is not a device of ours, or not yet. */
static void others(void **state)
{
	struct kdev *d;
	bool changed;

	(void)state;
	make_disk(1);
	run("rmdir " DEVICES "/vbd-1-51712/driver && mv " DEVICES
	    "/vbd-1-51712/statistics later && "
	    "mkdir " DEVICES "/vtpm-1-0 && touch " DEVICES "/vbd-2-1");
	find_all();
	assert_true(LIST_EMPTY(&k.devices)); /* nobody serves it */
	run("mkdir " DEVICES "/vbd-1-51712/driver && echo InitWait >" DEVICES "/vbd-1-51712/state");
	assert_true(find_all());
	d = device(ACCTRING_KIND_VBD, 1);
	assert_non_null(d);
	assert_false(kernel_lacks_threads(&k)); /* it is not connected */
	kernel_gather(&k);
	run("mv later " DEVICES "/vbd-1-51712/statistics && echo Connected >" DEVICES
	    "/vbd-1-51712/state");
	assert_true(find_all());
	assert_true(kernel_lacks_threads(&k));
	kernel_gather(&k);
	assert_cost(d, ACCTRING_CLASS_READ, 0, 100, 51200);
	/* a process that calls itself so */
	run("mkdir proc/9 && echo '9 (1.xvda-0) S 1 9 9 0 -1 4194560 0 0 0 0 0 5 0 0 20 0 1 0 2000 "
	    "0 0' "
	    ">proc/9/stat && echo 5 0 0 >proc/9/schedstat");
	find_all();
	assert_int_equal(d->threads, 0);
	store_gone = true;
	make_disk(3);
	assert_int_equal(kernel_find_devices(&k, &changed), -EPIPE);
	assert_true(changed);
	run("rm -r sys");
	assert_int_equal(kernel_find_devices(&k, &changed), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(disks, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(vifs, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(threaded, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(restarts, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(unpaid, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(files_run_out, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(domid_again, make_tree_and_store, remove_tree),
		cmocka_unit_test_setup_teardown(others, make_tree_and_store, remove_tree),
	};

	return cmocka_run_group_tests_name("kernback", tests, NULL, NULL);
}
