/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A made /proc and /sys of a domain whose kernel serves guests, and what
 * acctring-kernback knows of it.
 */
#ifndef TEST_MADETREE_H
#define TEST_MADETREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/kernel/kernel.h"
#include "backend/process/process.h"

static char tree[64], proc[80], sys[80];
static struct kernel k;

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char command[600], all[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "cd %s && %s", tree, command);
	assert_int_equal(system(all), 0); /* NOLINT(cert-env33-c) */
}

#define DEVICES "sys/bus/xen-backend/devices"

static inline void make_disk(unsigned int domid)
{
	run("mkdir -p " DEVICES "/vbd-%u-51712/statistics && cd " DEVICES
	    "/vbd-%u-51712 && mkdir driver && echo Connected >state && cd statistics && "
	    "for f in rd_req rd_sect wr_req wr_sect f_req ds_req; do echo 100 >$f; done",
	    domid, domid);
}

static inline void make_vif(unsigned int domid, const char *name)
{
	run("mkdir -p " DEVICES "/vif-%u-0/net/%s/statistics && cd " DEVICES
	    "/vif-%u-0 && mkdir driver && echo Connected >state && cd net/%s/statistics && "
	    "for f in rx_packets rx_bytes tx_packets tx_bytes tx_dropped; do echo 7 >$f; done",
	    domid, name, domid, name);
}

static inline void make_thread(int pid, const char *name, unsigned long start, unsigned long ns)
{
	run("mkdir -p proc/%d && echo '%d (%s) S 2 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 %lu 0 "
	    "0' "
	    ">proc/%d/stat && echo %lu 1 1 >proc/%d/schedstat",
	    pid, pid, name, start, pid, ns, pid);
}

/* A block device, and what is on top of it. */
static inline void make_block(const char *name, const char *number, const char *holders)
{
	run("mkdir -p sys/dev/block sys/class/block/%s/holders && "
	    "echo %s >sys/class/block/%s/dev && "
	    "ln -sfn ../../class/block/%s sys/dev/block/%s && "
	    "for h in %s; do ln -sfn ../../$h sys/class/block/%s/holders/$h; done",
	    name, number, name, name, number, holders, name);
}

/* So many files more can be opened, until RLIMIT_NOFILE is as it *was. */
static inline void allow_files(int more, struct rlimit *was)
{
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit few;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, was), 0);
	few = *was;
	few.rlim_cur = (rlim_t)next + (rlim_t)more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

/* ns, of all classes */
static inline uint64_t burned(const struct kdev *d)
{
	uint64_t ns = 0;
	unsigned int i;

	for (i = 0; i < ACCTRING_CLASSES; i++)
		ns += d->cost[i].ns;
	return ns;
}

static int make_tree(void **state)
{
	(void)state;
	strcpy(tree, "/tmp/acctring-kernback.XXXXXX");
	if (!mkdtemp(tree))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", tree);
	snprintf(sys, sizeof(sys), "%s/sys", tree);
	run("mkdir -p proc " DEVICES);
	memset(&k, 0, sizeof(k));
	k.proc = proc;
	k.sys = sys;
	k.began = 1000;
	LIST_INIT(&k.devices);
	LIST_INIT(&k.threads);
	TAILQ_INIT(&k.pairs.turns);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	while (!LIST_EMPTY(&k.threads))
		kthread_remove(LIST_FIRST(&k.threads));
	while (!LIST_EMPTY(&k.devices))
		kdev_free(&k, LIST_FIRST(&k.devices));
	while (!LIST_EMPTY(&k.procs))
		kproc_free(&k, LIST_FIRST(&k.procs));
	run("rm -r %s", tree);
	return 0;
}

#endif
