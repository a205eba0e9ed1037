/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --list: what is found, and what it has burned in its life.  For people and
 * scripts; posts nothing.
 */
#include <inttypes.h>
#include <stdio.h>

#include "backend/kernel/kernel.h"
#include "backend/process/pools.h"
#include "backend/process/process.h"
#include "common/names.h"

static uint64_t clock_of(const struct kthread *t)
{
	uint64_t ns;

	return counter_schedstat(&t->cpu, &ns) ? 0 : ns;
}

/* s: NULL, nobody is billed for it. */
static void list_clock(const char *what, pid_t pid, const char *name, uint64_t ns,
		       const struct served *s)
{
	char kind[NAME_TEXT];

	printf("%s\t%d\t%s\t%" PRIu64, what, (int)pid, name, ns);
	if (s)
		printf("\t%s\t%u\t%u\n", kind_name(s->kind, kind), s->domid, s->id);
	else
		printf("\t-\t-\t-\n");
}

static void list_thread(const struct kthread *t)
{
	struct served s;

	if (t->dev)
		s = (struct served){ t->dev->domid, t->dev->kind, t->dev->id };
	list_clock("thread", t->pid, t->comm, clock_of(t), t->dev ? &s : NULL);
}

static void list_process(const struct kproc *p)
{
	uint64_t ns;

	if (counter_process(&p->cpu, &ns))
		ns = 0;
	list_clock("process", p->pid, p->name, ns, p->several || p->lost ? NULL : &p->serves);
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

void kernel_list(struct kernel *k)
{
	const struct kthread *t;
	const struct kdev *d;
	const struct kproc *p;

	printf("#device\tkind\tdomid\tid\tname\tstate\tthreads\tns\tunits\tbytes\n");
	LIST_FOREACH(d, &k->devices, link)
		list_device(k, d);
	printf("#thread\tpid\tname\tns\tkind\tdomid\tid\n");
	LIST_FOREACH(t, &k->threads, link)
		list_thread(t);
	printf("#process\tpid\tname\tns\tkind\tdomid\tid\n");
	LIST_FOREACH(p, &k->procs, link)
		list_process(p);
	printf("#quota\tdomid\tcpu.max\tthreads\n");
	cgroups_list(&k->guards.groups);
	printf("#pool\tname\tvalue\tunit\n");
	list_pools(k->proc);
}
