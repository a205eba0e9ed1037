/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * post - what a record costs.
 *
 *	post			a table of ns per record
 *	post SUBJECT N		N records of one subject, for callgrind
 *	post --list		the subjects
 *
 * All subjects write to memory of the same size, in bursts that fit the
 * ring, interleaved round by round; the figure is the median of the best
 * quarter of the rounds, and beside it the median of all.
 */
#include "common/clock.h"
#include "ring/barrier.h"
#include "ring/drain.h"
#include "ring/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_include)
#if __has_include(<ck_ring.h>)
#define HAVE_CK 1
#include <ck_ring.h>
#endif
#endif

#define SLOTS 1024u
#define PAYERS 256u
#define ROUNDS 400u
#define BURSTS 64u

struct mem {
	struct acctring_lane_page page;
	struct acctring_lane_reply_page reply;
	struct acctring_record ring[SLOTS];
	struct acctring_reply_page peer;
};

static struct mem *mem;
static struct acctring_lane_reply_page *reply;
static uint64_t spent[PAYERS];
static struct lane lane, sums_lane;
static struct drain drain;
static uint64_t sink;

/* Values that no compiler knows in advance, and that differ per record. */
static struct acctring_cost cost_of(uint32_t i, uint32_t keys)
{
	return (struct acctring_cost){
		.end = i,
		.ns = i & 0xffff,
		.bytes = 4096,
		.wait = 100,
		.units = 1,
		.payer = (uint16_t)(9 + i % keys),
		.klass = ACCTRING_CLASS_READ,
	};
}

/* The accountant has taken it all. */
static void taken(struct lane *l)
{
	st_release(&reply->cons, ld_relaxed(&l->spill.page->prod));
	st_release(&reply->ack, ld_relaxed(&l->spill.page->spilled));
}

/* ------------------------------------------------------------------ */
/* Subjects: each posts one burst                                      */

/* What no ring can do without: four words, and the index that tells. */
static __attribute__((noinline)) void run_limit(uint32_t n)
{
	uint32_t *prod = &mem->page.prod, i, p = *prod;

	for (i = 0; i < n; i++) {
		struct acctring_cost c = cost_of(i, 1);
		ring_word *w = (ring_word *)&mem->ring[p & (SLOTS - 1)];

		st_relaxed(w, c.end);
		st_relaxed(w + 1, c.wait | c.ns << 32);
		st_relaxed(w + 2, c.bytes | (uint64_t)c.payer << 32 | (uint64_t)c.cause << 48);
		st_relaxed(w + 3, c.units | (uint64_t)c.klass << 16 | (uint64_t)p << 48);
		st_release(prod, ++p);
	}
	taken(&lane);
}

static __attribute__((noinline)) void run_inline(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct acctring_cost c = cost_of(i, 1);

		acctring_post(&lane.pub, &c);
	}
	taken(&lane);
}

static __attribute__((noinline)) void run_function(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct acctring_cost c = cost_of(i, 1);

		acctring_post_fn(&lane.pub, &c);
	}
	taken(&lane);
}

static inline void spill(uint32_t n, uint32_t keys)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct acctring_cost c = cost_of(i, keys);

		acctring_post(&sums_lane.pub, &c);
	}
	taken(&sums_lane);
}

static __attribute__((noinline)) void run_spill1(uint32_t n)
{
	spill(n, 1);
}

static __attribute__((noinline)) void run_spill16(uint32_t n)
{
	spill(n, 16);
}

static __attribute__((noinline)) void run_spill64(uint32_t n)
{
	spill(n, 64);
}

#ifdef HAVE_CK
CK_RING_PROTOTYPE(record, acctring_record)
static ck_ring_t ck;
static struct acctring_record ck_buffer[2 * SLOTS];

/* Its records are made beforehand: made here, their copying would stall. */
static struct acctring_record ck_records[SLOTS];

static __attribute__((noinline)) void run_ck_ring(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		CK_RING_ENQUEUE_SPSC(record, &ck, ck_buffer, &ck_records[i & (SLOTS - 1)]);
	ck.c_head = ck.p_tail; /* taken */
}
#endif

static void add(void *ctx, const struct acctring_item *it, unsigned int n)
{
	(void)ctx;
	for (; n; n--, it++)
		sink += it->ns + it->bytes + it->units + it->payer;
}

static __attribute__((noinline)) void run_drain(uint32_t n)
{
	(void)n;
	drain_lane(&drain, add, NULL, 0);
}

/* Fills the ring anew before each burst of the drain, off the clock. */
static void before_drain(uint32_t n)
{
	run_inline(n);
	drain.s.pos = mem->page.prod - n;
}

static const struct subject {
	const char *name, *what;
	void (*run)(uint32_t n);
	void (*before)(uint32_t n);
} subjects[] = {
	{ "limit", "limit: 4 stores + index", run_limit, NULL },
	{ "inline", "acctring_post, inline", run_inline, NULL },
	{ "function", "acctring_post_fn", run_function, NULL },
	{ "spill1", "spill row, 1 key", run_spill1, NULL },
	{ "spill16", "spill rows, 16 keys", run_spill16, NULL },
	{ "spill64", "spill rows, 64 keys", run_spill64, NULL },
#ifdef HAVE_CK
	{ "ck_ring", "ck_ring, spsc, copy of a ready record", run_ck_ring, NULL },
#endif
	{ "drain", "drain, sum of a record", run_drain, before_drain },
};
#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

/* ------------------------------------------------------------------ */

static double round_ns(const struct subject *s)
{
	uint64_t t, sum = 0;
	unsigned int i;

	for (i = 0; i < BURSTS; i++) {
		if (s->before)
			s->before(SLOTS);
		t = now_ns();
		s->run(SLOTS);
		sum += now_ns() - t;
	}
	return (double)sum / (BURSTS * SLOTS);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int table(void)
{
	static double ns[SUBJECTS][ROUNDS];
	double limit = 0, best;
	unsigned int i, j;

	for (j = 0; j < ROUNDS; j++)
		for (i = 0; i < SUBJECTS; i++)
			ns[i][j] = round_ns(&subjects[i]);
	printf("# subject\tns\tmedian_ns\tof_limit\twhat\n");
	for (i = 0; i < SUBJECTS; i++) {
		qsort(ns[i], ROUNDS, sizeof(ns[i][0]), by_value);
		best = ns[i][ROUNDS / 8];
		if (!i)
			limit = best;
		printf("%s\t%.2f\t%.2f\t%.2f\t%s\n", subjects[i].name, best, ns[i][ROUNDS / 2],
		       best / limit, subjects[i].what);
	}
	return sink == 1;
}

static void setup(void)
{
	static struct acctring_lane_page sums_page;

	mem = mmap(NULL, sizeof(*mem), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		exit(1);
	reply = &mem->reply;
	lane.pub.spent = sums_lane.pub.spent = spent;
	lane_bind(&lane, &(struct lane_pages){ &mem->page, mem->ring, reply }, SLOTS, PAYERS,
		  ACCTRING_ROW_OVERFLOW);
	lane_bind(&sums_lane, &(struct lane_pages){ &sums_page, NULL, reply }, 0, PAYERS,
		  ACCTRING_ROW_OVERFLOW);
	drain_init(&drain, &mem->page, mem->ring, SLOTS, PAYERS, 0);
#ifdef HAVE_CK
	ck_ring_init(&ck, 2 * SLOTS);
#endif
}

int main(int argc, char **argv)
{
	unsigned int i, n;

	setup();
	if (argc == 1)
		return table();
	for (i = 0; i < SUBJECTS; i++) {
		if (!strcmp(argv[1], "--list")) {
			printf("%s\n", subjects[i].name);
			continue;
		}
		if (strcmp(argv[1], subjects[i].name) != 0 || argc != 3)
			continue;
		for (n = (unsigned int)strtoul(argv[2], NULL, 0); n >= SLOTS; n -= SLOTS) {
			if (subjects[i].before)
				subjects[i].before(SLOTS);
			subjects[i].run(SLOTS);
		}
		return 0;
	}
	return strcmp(argv[1], "--list") != 0 ? 2 : 0;
}
