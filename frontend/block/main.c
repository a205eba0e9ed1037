/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-blkfront: connects a guest's virtual disk and puts load on it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "frontend/block/options.h"
#include "frontend/block/pattern.h"

static struct options opt;
static struct blkfront disk;
static uint64_t mismatches, verified;

/* The part of the disk that the load may use; false: none. */
static bool size_disk(void)
{
	uint64_t sectors = opt.size ? opt.size / PATTERN_SECTOR : disk.sectors;

	if (sectors > disk.sectors) {
		log_error("--size: the disk has only %" PRIu64 " bytes",
			  disk.sectors * PATTERN_SECTOR);
		return false;
	}
	if (sectors < opt.load.max / PATTERN_SECTOR) {
		log_error("the disk has %" PRIu64 " bytes: less than one request", sectors * 512);
		return false;
	}
	opt.load.sectors = sectors;
	opt.load.random = opt.seed;
	return true;
}

static void fill(struct blk_slot *s)
{
	uint32_t i;

	if (!opt.verify)
		return;
	if (s->r.op == LOAD_OP_WRITE)
		for (i = 0; i < s->r.bytes / PATTERN_SECTOR; i++)
			pattern_fill(s->data + i * PATTERN_SECTOR, opt.seed, s->r.sector + i);
	else if (s->r.op == LOAD_OP_READ)
		memset(s->data, 0xa5, s->r.bytes); /* what is not read must not compare */
}

static void compare(const struct blk_slot *s)
{
	uint32_t i;

	for (i = 0; i < s->r.bytes / PATTERN_SECTOR; i++) {
		verified++;
		if (pattern_compare(s->data + i * PATTERN_SECTOR, opt.seed, s->r.sector + i)) {
			if (!mismatches++)
				log_error("sector %" PRIu64 ": wrong data", s->r.sector + i);
		}
	}
}

/* False: the backend broke the ring. */
static bool reap(void)
{
	struct blk_slot *s;
	int16_t status;
	bool broken;

	while ((s = blk_answer(&disk, &status, &broken)))
		if (opt.verify && s->r.op == LOAD_OP_READ && status == BLKIF_RSP_OKAY)
			compare(s);
	if (broken)
		log_error("the backend broke the ring");
	return !broken;
}

/*
 * Fills the ring as far as rate and depth allow.  Returns ns until more may
 * be put, -1: when an answer has come.  *end: nothing more to ask.
 */
static int64_t submit(uint64_t start, uint64_t *put, bool *end)
{
	struct blk_slot *s;
	int64_t wait = -1;

	if (disk.how.depth - disk.busy < opt.batch)
		return wait;
	while ((s = blk_slot(&disk))) {
		uint64_t due = opt.rate ? start + *put * 1000000000u / opt.rate : 0;
		uint64_t now = opt.rate ? now_ns() : 0;

		if (due > now) {
			wait = (int64_t)(due - now);
			break;
		}
		if (!load_next(&opt.load, !disk.busy, &s->r)) {
			*end = !disk.busy;
			break;
		}
		++*put;
		fill(s);
		blk_put(&disk, s);
	}
	blk_push(&disk);
	return wait;
}

static uint64_t requests(void)
{
	return disk.done[LOAD_OP_READ] + disk.done[LOAD_OP_WRITE] + disk.done[LOAD_OP_FLUSH] +
	       disk.done[LOAD_OP_DISCARD];
}

static void report(uint64_t since)
{
	double s = (double)(now_ns() - since) / 1e9;

	printf("blkfront requests=%" PRIu64 " errors=%" PRIu64 " unsupported=%" PRIu64
	       " reads=%" PRIu64 " writes=%" PRIu64 " flushes=%" PRIu64 " discards=%" PRIu64
	       " bytes=%" PRIu64
	       " seconds=%.3f rps=%.0f bps=%.0f p50_us=%.1f p99_us=%.1f verified=%" PRIu64
	       " mismatches=%" PRIu64 " reconnects=%" PRIu64 " sectors=%" PRIu64 "\n",
	       requests(), disk.errors, disk.unsupported, disk.done[LOAD_OP_READ],
	       disk.done[LOAD_OP_WRITE], disk.done[LOAD_OP_FLUSH], disk.done[LOAD_OP_DISCARD],
	       disk.bytes, s, (double)requests() / s, (double)disk.bytes / s,
	       (double)hist_percentile(&disk.latency, 50) / 1e3,
	       (double)hist_percentile(&disk.latency, 99) / 1e3, verified, mismatches,
	       disk.reconnects, disk.sectors);
	fflush(stdout);
}

/* A line for each second that has passed; returns ns to the next. */
static int64_t progress(uint64_t *next)
{
	static uint64_t old_requests, old_bytes;
	uint64_t now = now_ns();

	if (now >= *next) {
		printf("progress rps=%" PRIu64 " bps=%" PRIu64 " errors=%" PRIu64 "\n",
		       requests() - old_requests, disk.bytes - old_bytes, disk.errors);
		fflush(stdout);
		old_requests = requests();
		old_bytes = disk.bytes;
		*next = now + 1000000000u;
	}
	return (int64_t)(*next - now);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static bool lost(void)
{
	if (!opt.reconnect) {
		log_error("the backend has closed the disk");
		return false;
	}
	log_info("the backend has closed the disk: connecting again");
	return blk_reconnect(&disk);
}

/* How long run() may sleep. */
static int64_t sleep_time(int64_t wait, uint64_t stop, uint64_t *next)
{
	uint64_t now = now_ns();

	if (stop != UINT64_MAX)
		wait = sooner(wait, stop > now ? (int64_t)(stop - now) : 0);
	if (opt.progress)
		wait = sooner(wait, progress(next));
	return wait;
}

/* Until the end of the load, or of the time, or SIGTERM.  False: an error. */
static bool run(void)
{
	uint64_t start = now_ns(), put = 0, next = start + 1000000000u;
	uint64_t stop = opt.runtime ? start + opt.runtime * 1000000000u : UINT64_MAX;
	struct front_events e = { .ended = false };
	bool end = false, ending = false;

	for (;;) {
		int64_t wait = -1;

		if (!ending && (e.ended || now_ns() >= stop)) {
			/* what is in flight gets its answers, in bounded time */
			ending = true;
			stop = now_ns() + opt.timeout * 1000000000u;
		}
		if (!ending)
			wait = submit(start, &put, &end);
		if (end || (ending && !disk.busy))
			return true;
		if (ending && now_ns() >= stop) {
			log_error("%u requests without an answer", disk.busy);
			return false;
		}
		wait = sleep_time(wait, stop, &next);
		if (!front_sleep(&disk.f, wait, &e) || (e.lost && !lost()) || !reap())
			return false;
		if (e.told && !e.lost)
			blk_read_size(&disk);
	}
}

int main(int argc, char **argv)
{
	uint64_t start;
	bool ok;
	int r;

	options_read(&opt, argc, argv);
	opt.how.bytes = opt.load.mode == LOAD_TRIM || opt.load.mode == LOAD_RANDTRIM ? XENBUS_PAGE
										     : opt.load.max;
	r = blk_open(&disk, opt.device, &opt.how, (int)opt.timeout * 1000);
	if (r)
		return r;
	if (!blk_connect(&disk) || !size_disk()) {
		blk_close(&disk);
		return EXIT_ENV;
	}
	start = now_ns();
	ok = run();
	report(start);
	blk_close(&disk);
	return ok && !disk.errors && !mismatches ? 0 : EXIT_RUNTIME;
}
