/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lane in plain memory, with both its ends, and what was posted to it. */
#ifndef TEST_RING_H
#define TEST_RING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ring/barrier.h"
#include "ring/drain.h"
#include "ring/pages.h"

#define FIX_SLOTS 128u
#define FIX_PAYERS 512u
#define FIX_KEYS 65536u

struct sum {
	uint64_t ns, bytes, units, posts;
};

struct fix {
	struct lane lane;
	struct acctring_lane_page page __attribute__((aligned(4096)));
	struct acctring_lane_reply_page reply[2];
	struct acctring_record ring[FIX_SLOTS];
	struct acctring_reply_page peer;
	uint64_t spent[FIX_PAYERS];
	struct drain drain;
	uint64_t rng;
	/* by key: payer below 256, causes and classes by their low 4 bits */
	struct sum posted[FIX_KEYS], got[FIX_KEYS];
	struct sum overflow;
};

static inline unsigned int fix_key(unsigned int payer, unsigned int cause, unsigned int klass)
{
	return (payer & 0xff) << 8 | (cause & 15) << 4 | (klass & 15);
}

static inline void sum_add(struct sum *s, uint64_t ns, uint64_t bytes, uint64_t units,
			   uint64_t posts)
{
	s->ns += ns;
	s->bytes += bytes;
	s->units += units;
	s->posts += posts;
}

static inline void fix_item(void *ctx, const struct acctring_item *it, unsigned int n)
{
	struct fix *f = ctx;

	for (; n; n--, it++) {
		struct sum *s = it->overflow ? &f->overflow
					     : &f->got[fix_key(it->payer, it->cause, it->klass)];

		if (it->overflow) {
			assert_int_equal(it->payer, ACCTRING_PAYER_OWN);
			assert_int_equal(it->klass, ACCTRING_CLASS_OTHER);
		}
		sum_add(s, it->ns, it->bytes, it->units, it->posts);
	}
}

static inline struct fix *fix_new(unsigned int slots, unsigned int rows, uint32_t prod)
{
	struct fix *f =
		mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(f, MAP_FAILED);
	f->rng = 88172645463325252u;
	f->page.prod = prod;
	f->reply[0].cons = prod;
	f->peer.alive = 1;
	f->lane.pub.spent = f->spent;
	f->lane.pub.counter = ACCTRING_COUNTER_NS;
	f->lane.pub.mult = 1;
	f->lane.kpeer = &f->peer;
	f->lane.lease = 1100000000;
	lane_bind(&f->lane, &(struct lane_pages){ &f->page, slots ? f->ring : NULL, f->reply },
		  slots, FIX_PAYERS, rows);
	drain_init(&f->drain, &f->page, f->ring, slots, FIX_PAYERS, 3);
	f->drain.s.pos = prod;
	return f;
}

static inline void fix_free(struct fix *f)
{
	munmap(f, sizeof(*f));
}

static inline uint64_t fix_random(struct fix *f)
{
	f->rng ^= f->rng << 13;
	f->rng ^= f->rng >> 7;
	return f->rng ^= f->rng << 17;
}

static inline struct acctring_cost fix_cost(struct fix *f, unsigned int keys)
{
	uint64_t r = fix_random(f);
	unsigned int k = (unsigned int)(r >> 32) % keys;

	return (struct acctring_cost){
		.end = r,
		.ns = r & 0xffff,
		.bytes = r >> 20 & 0xffff,
		.wait = (uint32_t)r,
		.units = 1 + (r >> 50 & 7),
		.payer = (uint16_t)(8 + k % 100),
		.cause = (uint16_t)(k / 100 ? 8 + k / 100 : 0),
		.klass = (uint8_t)(1 + k % 7),
	};
}

static inline void fix_post(struct fix *f, const struct acctring_cost *c)
{
	assert_int_equal(acctring_post(&f->lane.pub, c), 0);
	sum_add(&f->posted[fix_key(c->payer, c->cause, c->klass)], c->ns, c->bytes, c->units, 1);
}

static inline void fix_drain(struct fix *f, unsigned int flags)
{
	assert_true(drain_lane(&f->drain, fix_item, f, flags) >= 0);
	assert_null(f->drain.reason);
}

static inline void fix_commit(struct fix *f)
{
	drain_commit(&f->drain, f->reply);
}

/* Each key equal; with overflow only the totals can be. */
static inline void fix_equal(struct fix *f)
{
	struct sum a = { 0 }, b = f->overflow;
	unsigned int i;

	for (i = 0; i < FIX_KEYS; i++) {
		if (!f->overflow.posts)
			assert_memory_equal(&f->posted[i], &f->got[i], sizeof(struct sum));
		sum_add(&a, f->posted[i].ns, f->posted[i].bytes, f->posted[i].units,
			f->posted[i].posts);
		sum_add(&b, f->got[i].ns, f->got[i].bytes, f->got[i].units, f->got[i].posts);
	}
	assert_memory_equal(&a, &b, sizeof(a));
}

#endif
