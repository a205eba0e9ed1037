/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What threads burned and devices did since we last looked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/kernel/bpf/level2.h"
#include "backend/kernel/kernel.h"
#include "backend/process/process.h"
#include "backend/process/shared.h"
#include "common/log.h"

#define SECTOR 512u
/* More than a device does between two looks, by far: what was read is no count. */
#define UNITS_MOST (UINT64_C(1) << 32)
#define BYTES_MOST (UINT64_C(1) << 48)

static const struct source {
	const char *file;
	unsigned int klass;
	unsigned int bytes; /* of one; 0: it counts units */
} sources[2][KDEV_COUNTS] = {
	{
		{ "statistics/rd_req", ACCTRING_CLASS_READ, 0 },
		{ "statistics/rd_sect", ACCTRING_CLASS_READ, SECTOR },
		{ "statistics/wr_req", ACCTRING_CLASS_WRITE, 0 },
		{ "statistics/wr_sect", ACCTRING_CLASS_WRITE, SECTOR },
		{ "statistics/f_req", ACCTRING_CLASS_FLUSH, 0 },
		{ "statistics/ds_req", ACCTRING_CLASS_DISCARD, 0 },
	},
	{
		/* what the interface here receives, the guest has sent */
		{ "rx_packets", ACCTRING_CLASS_TX, 0 },
		{ "rx_bytes", ACCTRING_CLASS_TX, 1 },
		{ "tx_packets", ACCTRING_CLASS_RX, 0 },
		{ "tx_bytes", ACCTRING_CLASS_RX, 1 },
		{ "tx_dropped", ACCTRING_CLASS_DROP, 0 },
	},
};

static const struct source *sources_of(const struct kdev *d)
{
	return sources[d->kind == ACCTRING_KIND_VIF];
}

/* ------------------------------------------------------------------ */
/* Threads                                                             */

enum kdev_work kthread_work(const struct kthread *t)
{
	switch (t->name.role) {
	case THREAD_RX:
		return KDEV_RX;
	case THREAD_DEALLOC:
	case THREAD_POLL:
		return KDEV_TX;
	default:
		return KDEV_RING;
	}
}

void kdev_burned(struct kdev *d, enum kdev_work work, uint64_t ns)
{
	if (work == KDEV_RING)
		d->ring_ns += ns;
	else if (work == KDEV_RX)
		d->received.ns += ns;
	else
		d->cost[ACCTRING_CLASS_TX].ns += ns;
}

/* What its clock has grown by; of which the guard takes note. */
static uint64_t thread_since(struct kthread *t, uint64_t now)
{
	uint64_t ns = clock_since(&t->cpu, now);

	if (t->dev && t->name.role != THREAD_WORKER)
		t->dev->burned_ns += ns;
	return ns;
}

/* What it works for, as its name has it now; the kernel changes that as it works. */
static int pool_now(const struct kthread *t)
{
	char text[FILE_TEXT];
	struct proc_stat stat;

	if (counter_text(&t->stat, text, sizeof(text)) < 0 || !parse_proc_stat(text, &stat))
		return -1;
	return shared_of(stat.name);
}

/* It worked for many; a shared worker only, if its name was of one pool then and now. */
static void worked_for_many(struct kernel *k, struct kthread *t, uint64_t ns)
{
	int was = t->pool;

	if (t->name.role == THREAD_SHARED) {
		t->pool = pool_now(t);
		shared_burned(k->shared, t->pool == was ? was : -1, ns);
	} else if (!t->host) {
		shared_burned(k->shared, shared_of(t->comm), ns);
	}
}

static bool gather_threads(struct kernel *k)
{
	struct kthread *t, *next;
	bool ended = false;
	uint64_t now, ns;
	int r;

	for (t = LIST_FIRST(&k->threads); t; t = next) {
		next = LIST_NEXT(t, link);
		r = counter_schedstat(&t->cpu, &now);
		if (r == -ESRCH) {
			log_debug("thread %s: gone", t->comm);
			kthread_remove(t);
			ended = true;
		} else if (!r && t->dev && !k->level2) {
			kdev_burned(t->dev, kthread_work(t), thread_since(t, now));
		} else if (!r && (k->level2 || t->name.role >= THREAD_WORKER)) {
			/* it is measured otherwise, or works for nobody, or for many */
			ns = thread_since(t, now);
			if (k->shared)
				worked_for_many(k, t, ns);
		}
	}
	return ended;
}

/* ------------------------------------------------------------------ */
/* Devices                                                             */

static void open_count(struct kdev *d, unsigned int i, const char *file)
{
	struct counter *c = &d->count[i];
	char path[80];
	uint64_t now;

	if (d->kind == ACCTRING_KIND_VBD)
		snprintf(path, sizeof(path), "%s", file);
	else if (d->base[1][0])
		snprintf(path, sizeof(path), "net/%s/statistics/%s", d->base[1], file);
	else
		return;
	/* a disk has the directory once its file is known */
	if (!counter_open(c, d->dir, path) && d->old && !counter_count(c, &now))
		c->last = now;
}

static void gather_count(struct kdev *d, unsigned int i, const struct source *s)
{
	struct counter *c = &d->count[i], was;
	struct kcost *cost = s->klass == ACCTRING_CLASS_RX ? &d->received : &d->cost[s->klass];
	uint64_t now, n;
	int r;

	if (c->fd < 0)
		open_count(d, i, s->file);
	if (c->fd < 0)
		return;
	r = counter_count(c, &now);
	if (r == -ENODEV) /* if there is another, it is a new one */
		counter_close(c);
	if (r)
		return;
	was = *c;
	n = count_since(c, now);
	if (n > (s->bytes ? BYTES_MOST : UNITS_MOST))
		*c = was;
	else if (s->bytes)
		cost->bytes += n * s->bytes;
	else
		cost->units += n;
}

/* It is not connected, and begins at 0 when it is again. */
static void counts_begin_anew(struct kdev *d)
{
	unsigned int i;

	for (i = 0; i < KDEV_COUNTS; i++)
		d->count[i].last = 0;
}

/* parts: as below; discards and flushes are writes. */
static void did(struct kdev *d, struct kcost *const parts[])
{
	d->did_before = d->did;
	d->did.reads = parts[0]->units;
	d->did.writes = parts[1]->units + parts[2]->units + parts[3]->units;
	d->did.bytes = parts[0]->bytes + parts[1]->bytes;
}

/*
 * What was counted in this period alone says how to split its ns: d->cost may hold
 * what is not posted yet.
 */
static void gather_disk(struct kdev *d)
{
	static const unsigned int classes[] = { ACCTRING_CLASS_READ, ACCTRING_CLASS_WRITE,
						ACCTRING_CLASS_FLUSH, ACCTRING_CLASS_DISCARD,
						ACCTRING_CLASS_OTHER };
	enum { N = sizeof(classes) / sizeof(classes[0]) };
	struct kcost before[N], *parts[N];
	unsigned int i;

	for (i = 0; i < N; i++) {
		parts[i] = &d->cost[classes[i]];
		before[i] = *parts[i];
		memset(parts[i], 0, sizeof(*parts[i]));
	}
	/*
	 * blkback sums up over its rings without a lock, and frees them when
	 * the guest has closed: not to be asked then, and not believed when it
	 * was asked in that very moment.
	 */
	d->changed |= kdev_take_state(d);
	if (!kdev_connected(d))
		counts_begin_anew(d);
	for (i = 0; i < KDEV_COUNTS && kdev_connected(d); i++)
		gather_count(d, i, &sources_of(d)[i]);
	did(d, parts);
	share_ns(d->ring_ns, parts, N - 1);
	d->ring_ns = 0;
	for (i = 0; i < N; i++) {
		parts[i]->ns += before[i].ns;
		parts[i]->units += before[i].units;
		parts[i]->bytes += before[i].bytes;
	}
}

static void gather_vif(struct kdev *d)
{
	unsigned int i;

	for (i = 0; i < KDEV_COUNTS && sources_of(d)[i].file; i++)
		gather_count(d, i, &sources_of(d)[i]);
}

static void gather_devices(struct kernel *k, unsigned int kind, void (*gather)(struct kdev *d))
{
	struct kdev *d;

	LIST_FOREACH(d, &k->devices, link) {
		if (d->gone || d->kind != kind)
			continue;
		gather(d);
		d->old = false; /* what is opened later begins at 0 */
	}
}

bool kernel_gather(struct kernel *k)
{
	struct kdev *d;
	bool ended;

	/* before the kernel tells whose these were, and some more */
	gather_devices(k, ACCTRING_KIND_VIF, gather_vif);
	/* before threads: those that end here have burned a last part */
	level2_gather(k);
	ended = gather_threads(k);
	ended |= kernel_gather_processes(k);
	gather_devices(k, ACCTRING_KIND_VBD, gather_disk);
	if (k->shared)
		shared_settle(k);
	LIST_FOREACH(d, &k->devices, link)
		if (d->kind == ACCTRING_KIND_VIF)
			pairs_settle(&k->pairs, d);
	return ended;
}

unsigned int kdev_units(const struct kdev *d, uint64_t *units, uint64_t *bytes)
{
	unsigned int i, n = 0;
	uint64_t now;

	*units = *bytes = 0;
	for (i = 0; i < KDEV_COUNTS && sources_of(d)[i].file && kdev_connected(d); i++) {
		if (d->count[i].fd < 0 || counter_count(&d->count[i], &now))
			continue;
		n++;
		if (sources_of(d)[i].bytes)
			*bytes += now * sources_of(d)[i].bytes;
		else if (sources_of(d)[i].klass != ACCTRING_CLASS_DROP)
			*units += now;
	}
	return n;
}
