/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link on the test's own Xen: to open, to post on, and to attach to. */
#ifndef TEST_RING_LIFE_H
#define TEST_RING_LIFE_H

#include "tests/unit/test_ring_xen.h"

#include <acctring/accountant.h>
#include <acctring/acctring.h>
#include <inttypes.h>
#include <time.h>

#define LINK "data/acctring/link/"

struct sum {
	uint64_t ns, units, posts, records;
};

static inline void add(void *ctx, const struct acctring_item *it, unsigned int n)
{
	struct sum *s = ctx;

	for (; n; n--, it++) {
		s->ns += it->ns;
		s->units += it->units;
		s->posts += it->posts;
		s->records += !it->spilled;
	}
}

static inline void nap(unsigned int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000l }, NULL);
}

static inline struct acctring_stats stats_of(struct acctring *r)
{
	struct acctring_stats s = { .size = sizeof(s) };

	assert_int_equal(acctring_stats(r, &s), 0);
	assert_int_equal(s.size, sizeof(s));
	return s;
}

/* Waits until the link is in a state, at most 3 s. */
static inline struct acctring_stats await(struct acctring *r, enum acctring_state state)
{
	struct acctring_stats s = stats_of(r);
	unsigned int i;

	for (i = 0; i < 300 && s.state != state; i++) {
		nap(10);
		s = stats_of(r);
	}
	assert_int_equal(s.state, state);
	return s;
}

static inline void post_some(struct acctring_lane *l, int payer, unsigned int n)
{
	const struct acctring_cost c = { .ns = 7,
					 .bytes = 3,
					 .units = 2,
					 .payer = (uint16_t)payer,
					 .klass = ACCTRING_CLASS_TX };

	for (; n; n--)
		assert_int_equal(acctring_post(l, &c), 0);
}

/* What a link's node in xenstore tells, if it is ready. */
static inline bool read_slot(unsigned int slot, struct acctring_link_id *id)
{
	char path[64], *v;
	int end = 0;

	snprintf(path, sizeof(path), LINK "%u", slot);
	v = node_get(path);
	memset(id, 0, sizeof(*id));
	id->slot = slot;
	id->domid = 5;
	if (!v ||
	    sscanf(v, "v=1 abi=1.2 epoch=%16" SCNx64 " ref=%" SCNu32 " port=%" SCNu32 " state=4%n",
		   &id->epoch, &id->ref, &id->port, &end) != 3 ||
	    v[end])
		end = 0;
	free(v);
	return end != 0;
}

/* The id of a link; waits until it is ready. */
static inline void read_id(struct acctring *r, struct acctring_link_id *id)
{
	unsigned int slot, i;

	for (i = 0; i < 300; i++, nap(10))
		for (slot = 0; slot < 64; slot++)
			if (read_slot(slot, id)) {
				assert_int_equal(id->epoch, stats_of(r).epoch);
				return;
			}
	fail();
}

static inline struct acctring_reader *attach_as(uint64_t incarnation, struct acctring *r,
						const struct acctring_resume *resume)
{
	struct acctring_attach how = { .gnttab = (xengnttab_handle *)&xen,
				       .evtchn = (xenevtchn_handle *)&xen,
				       .incarnation = incarnation,
				       .resume = resume };
	struct acctring_reader *reader;
	const char *reason;

	read_id(r, &how.id);
	assert_int_equal(acctring_attach(&reader, &how, &reason), 0);
	assert_null(reason);
	return reader;
}

static inline struct acctring_reader *attach(struct acctring *r,
					     const struct acctring_resume *resume)
{
	return attach_as(42, r, resume);
}

static inline struct acctring *open_in_5(unsigned int ring_pages)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;

	o.lanes = 2;
	o.ring_pages = (int)ring_pages;
	o.program = "unit\ttest";
	node_set("domid", "5");
	return acctring_open(&o);
}

#endif
