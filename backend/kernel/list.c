/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --list: what is found, what it has burned in its life, and the softirq
 * time that is in no thread.  For people and scripts; posts nothing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/kernel/kernel.h"
#include "common/names.h"

static uint64_t clock_of(const struct kthread *t)
{
	uint64_t ns;

	return counter_schedstat(&t->cpu, &ns) ? 0 : ns;
}

static void list_thread(const struct kthread *t)
{
	char kind[NAME_TEXT];

	printf("thread\t%d\t%s\t%" PRIu64, (int)t->pid, t->comm, clock_of(t));
	if (t->dev)
		printf("\t%s\t%u\t%u\n", kind_name(t->dev->kind, kind), t->dev->domid, t->dev->id);
	else
		printf("\t-\t-\t-\n");
}

static void list_device(const struct kernel *k, const struct kdev *d)
{
	uint64_t ns = 0, units, bytes;
	const struct kthread *t;
	char kind[NAME_TEXT];

	LIST_FOREACH(t, &k->threads, link)
		if (t->dev == d)
			ns += clock_of(t);
	kdev_units(d, &units, &bytes);
	printf("device\t%s\t%u\t%u\t%s\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
	       kind_name(d->kind, kind), d->domid, d->id,
	       d->base[1][0]   ? d->base[1]
	       : d->base[0][0] ? d->base[0]
			       : "-",
	       d->state[0] ? d->state : "-", d->threads, ns, units, bytes);
}

/*
 * Softirqs are in no thread of a backend, and the kernel does not measure them
 * (docs/kernel-backends.md): shown, not billed.
 */
static void list_softirqs(const struct kernel *k)
{
	const struct kthread *t;
	uint64_t ns = 0, ticks;
	char path[300], text[FILE_TEXT];
	long hz = sysconf(_SC_CLK_TCK);

	LIST_FOREACH(t, &k->threads, link)
		if (t->name.role == THREAD_SOFTIRQ)
			ns += clock_of(t);
	printf("pool\tksoftirqd\t%" PRIu64 "\tns\n", ns);
	snprintf(path, sizeof(path), "%s/stat", k->proc);
	if (hz > 0 && read_text(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	    parse_softirq(text, &ticks))
		printf("pool\tsoftirq\t%" PRIu64 "\tms, sampled\n", ticks * 1000 / (uint64_t)hz);
}

void kernel_list(struct kernel *k)
{
	const struct kthread *t;
	const struct kdev *d;

	printf("#device\tkind\tdomid\tid\tname\tstate\tthreads\tns\tunits\tbytes\n");
	LIST_FOREACH(d, &k->devices, link)
		list_device(k, d);
	printf("#thread\tpid\tname\tns\tkind\tdomid\tid\n");
	LIST_FOREACH(t, &k->threads, link)
		if (t->name.role != THREAD_SOFTIRQ)
			list_thread(t);
	printf("#pool\tname\tvalue\tunit\n");
	list_softirqs(k);
}
