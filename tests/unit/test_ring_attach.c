/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching to pages that are somebody else's by now, that lie, or that an
 * earlier accountant, with this or another ledger, has worked on.
 */
#include "tests/unit/test_ring_xen.h"

#include "ring/pages.h"

#include <acctring/accountant.h>
#include <fcntl.h>

#define EPOCH 0x1122334455667788u
#define LANES 2u

struct link {
	struct pages *p;
	struct geometry geo;
	struct lane *lane;
	uint64_t spent[512];
	struct acctring_attach how;
	uint64_t posts, ns;
};

static void fill(struct link *t)
{
	struct acctring_link_page *k = t->p->link;
	unsigned int i, j;

	k->magic = ACCTRING_MAGIC_LINK;
	k->version = ACCTRING_ABI_VERSION;
	k->epoch = EPOCH;
	k->lanes = LANES;
	k->ring_pages = 1;
	k->payer_pages = 2;
	k->counter = ACCTRING_COUNTER_NS;
	k->mult = 1;
	k->refs_used = geometry_refs(&t->geo);
	k->alive = 1;
	t->p->kreply->magic = ACCTRING_MAGIC_REPLY;
	t->p->kreply->epoch = EPOCH;
	for (i = 0; i < LANES; i++)
		for (j = 0; j < 2; j++) {
			struct acctring_lane_reply_page *r = &t->p->lane[i].kreply[j];

			r->magic = ACCTRING_MAGIC_LANE_REPLY;
			r->epoch = EPOCH;
			r->lane = i;
			r->page = j;
		}
}

static int setup(void **state)
{
	struct link *t = calloc(1, sizeof(*t));
	unsigned int i;

	xen_reset();
	t->geo = (struct geometry){ LANES, 1, 2 };
	t->p = pages_grant(&t->geo, (xengntshr_handle *)&xen, 0, 1);
	assert_non_null(t->p);
	fill(t);
	t->lane = aligned_alloc(ACCTRING_LINE, LANES * sizeof(*t->lane));
	memset(t->lane, 0, LANES * sizeof(*t->lane));
	for (i = 0; i < LANES; i++) {
		t->lane[i].pub.spent = t->spent;
		t->lane[i].kpeer = t->p->kreply;
		t->lane[i].lease = 1100000000;
		t->lane[i].pub.counter = ACCTRING_COUNTER_NS;
		lane_bind(&t->lane[i], &t->p->lane[i], 128, 512, ACCTRING_ROW_OVERFLOW);
	}
	t->how = (struct acctring_attach){
		.gnttab = (xengnttab_handle *)&xen,
		.evtchn = (xenevtchn_handle *)&xen,
		.id = { .epoch = EPOCH, .ref = t->p->ref, .domid = 5, .port = 7 },
		.incarnation = 99,
	};
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct link *t = *state;

	pages_free(t->p);
	free(t->lane);
	free(t);
	return xen.maps || xen.granted ? -1 : 0;
}

static void post(struct link *t, unsigned int n)
{
	const struct acctring_cost c = { .ns = 3, .units = 1, .payer = 9, .klass = 2 };

	for (; n; n--)
		assert_int_equal(acctring_post(&t->lane[0].pub, &c), 0);
}

static void add(void *ctx, const struct acctring_item *it, unsigned int n)
{
	struct link *t = ctx;

	for (; n; n--, it++) {
		t->posts += it->posts;
		t->ns += it->ns;
	}
}

static struct acctring_reader *attach(struct link *t, const struct acctring_resume *resume)
{
	struct acctring_reader *r;

	t->how.resume = resume;
	assert_int_equal(acctring_attach(&r, &t->how, NULL), 0);
	assert_int_equal(t->p->kreply->alive, 1);
	assert_true(t->p->kreply->incarnation == 99);
	return r;
}

static void expect(struct link *t, int error, const char *want)
{
	const char *reason = "unset";
	struct acctring_reader *r;

	assert_int_equal(acctring_attach(&r, &t->how, &reason), error);
	assert_null(r);
	if (want)
		assert_string_equal(reason, want);
	else
		assert_null(reason);
	assert_int_equal(xen.maps, 0);
}

/* ------------------------------------------------------------------ */
/* Whose page is it?                                                   */

static char *snapshot(void)
{
	char *all = malloc(64 * 4096);

	assert_int_equal(pread(xen.fd, all, 64 * 4096, 0), 64 * 4096);
	return all;
}

/* Fails with `error`, and not one byte of any page has changed. */
static void untouched(struct link *t, int error)
{
	char *before = snapshot(), *after;

	expect(t, error, NULL);
	after = snapshot();
	assert_memory_equal(before, after, 64 * 4096);
	free(before);
	free(after);
}

static void stale(void **state)
{
	struct link *t = *state;

	t->p->link->epoch++;
	untouched(t, -ESTALE);
	t->p->link->epoch--;
	t->p->link->magic = ACCTRING_MAGIC_STATEMENT;
	untouched(t, -ESTALE);
	t->p->link->magic = ACCTRING_MAGIC_LINK;
	/* the reply page's number has gone to something else */
	memset(t->p->kreply, 0xa5, 4096);
	untouched(t, -ESTALE);
	memset(t->p->kreply, 0, 4096);
	untouched(t, -ESTALE);
	fill(t);
	t->p->kreply->epoch++;
	untouched(t, -ESTALE);
	fill(t);
	t->p->kreply->magic = 0;
	untouched(t, -ESTALE);
	fill(t);
	t->p->link->ref[0] = 4000; /* granted by nobody */
	untouched(t, -EINVAL);
}

static void stale_lane(void **state)
{
	struct link *t = *state;
	struct acctring_lane_reply_page *r = &t->p->lane[1].kreply[1];

	r->epoch++;
	untouched(t, -ESTALE);
	fill(t);
	r->magic++;
	untouched(t, -ESTALE);
	fill(t);
	r->lane = 0;
	untouched(t, -ESTALE);
	fill(t);
	r->page = 0;
	untouched(t, -ESTALE);
	fill(t);
}

/* Each mapping may fail; nothing stays mapped, nothing is written. */
static void no_map(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r;
	unsigned int i;

	for (i = 1; i <= 5; i++) {
		xen.fail_map_at = i;
		untouched(t, -EINVAL);
	}
	xen.fail_map_at = 0;
	r = attach(t, NULL);
	acctring_detach(r);
	assert_int_equal(t->p->kreply->alive, 0);
}

/* More pages than there is room for: of those only the link page is mapped. */
static void too_many_pages(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r;

	t->how.pages_max = geometry_refs(&t->geo); /* the link page is one more */
	xen.fail_map_at = 2; /* a second mapping would say EINVAL */
	untouched(t, -ENOSPC);
	xen.fail_map_at = 0;
	t->how.pages_max++;
	r = attach(t, NULL);
	acctring_detach(r);
}

static void version(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r;

	t->p->link->version = 2u << 16;
	expect(t, -EPROTONOSUPPORT, "version not supported");
	t->p->link->version = 0;
	expect(t, -EPROTONOSUPPORT, "version not supported");
	t->p->link->version = 1u << 16 | 77; /* another minor is fine */
	t->p->link->features = ~0u;
	r = attach(t, NULL);
	acctring_detach(r);
}

static void geometry(void **state)
{
	struct link *t = *state;
	struct acctring_link_page good = *t->p->link, *k = t->p->link;
	static const struct {
		uint16_t lanes, ring_pages, payer_pages;
		uint32_t refs_used, counter, shift;
	} bad[] = {
		{ 0, 1, 2, 3, 1, 0 },
		{ 257, 0, 1, 516, 1, 0 },
		{ 2, 3, 2, 15, 1, 0 },
		{ 2, 128, 2, 265, 1, 0 },
		{ 2, 1, 0, 5, 1, 0 },
		{ 2, 1, 16, 53, 1, 0 },
		{ 2, 1, 2, 12, 1, 0 },
		{ 2, 1, 2, 0, 1, 0 },
		{ 2, 1, 2, 0xffffffff, 1, 0 },
		{ 256, 64, 15, 20496, 1, 0 },
		{ 2, 1, 2, 11, 0, 0 },
		{ 2, 1, 2, 11, 4, 0 },
		{ 2, 1, 2, 11, 1, 64 },
		{ 2, 1, 2, 11, 1, 0xffffffff },
		{ 0xffff, 0xffff, 0xffff, 11, 1, 0 },
	};
	struct acctring_reader *r;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		k->lanes = bad[i].lanes;
		k->ring_pages = bad[i].ring_pages;
		k->payer_pages = bad[i].payer_pages;
		k->refs_used = bad[i].refs_used;
		k->counter = bad[i].counter;
		k->shift = bad[i].shift;
		expect(t, -EPROTO, "geometry out of range");
	}
	*k = good;
	memset(k->program, 0xff, sizeof(k->program));
	r = attach(t, NULL);
	assert_int_equal(strlen(acctring_reader_program(r)), 63);
	k->lanes = 200; /* copied once: later lies are not read */
	k->ring_pages = 64;
	assert_int_equal(acctring_drain(r, add, t, 0), 0);
	acctring_detach(r);
}

/* ------------------------------------------------------------------ */
/* Resume                                                              */

static void states(struct acctring_reader *r, struct acctring_lane_state *s)
{
	unsigned int i;

	for (i = 0; i < LANES; i++)
		assert_int_equal(acctring_reader_lane(r, i, &s[i]), 0);
	assert_int_equal(acctring_reader_lane(r, LANES, &s[0]), -EINVAL);
}

/* Never heard of it, and nobody read it: from the beginning. */
static void from_beginning(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r;

	post(t, 300);
	r = attach(t, NULL);
	assert_int_equal(acctring_drain(r, add, t, 0), 300);
	acctring_detach(r);
}

/* Died before C0, and between C0 and C2: nothing twice, nothing lost. */
static void from_ledger(void **state)
{
	struct link *t = *state;
	struct acctring_lane_state s[LANES];
	const struct acctring_resume resume = { LANES, s };
	struct acctring_reader *r;

	post(t, 300);
	r = attach(t, NULL);
	acctring_drain(r, add, t, 0);
	states(r, s);
	acctring_commit(r);
	post(t, 200);
	acctring_drain(r, add, t, 0);
	acctring_detach(r); /* the 200 are forgotten */
	t->posts = 300;
	r = attach(t, &resume);
	assert_true(acctring_reader_rolled_back(r) == 0);
	acctring_drain(r, add, t, 0);
	assert_int_equal(t->posts, 500);
	states(r, s); /* committed, but not told */
	post(t, 100);
	acctring_detach(r);
	r = attach(t, &resume);
	assert_true(acctring_reader_rolled_back(r) == 0);
	assert_true(acctring_reader_whole(r, 0));
	acctring_drain(r, add, t, ACCTRING_DRAIN_LAST);
	assert_int_equal(t->posts, 600);
	acctring_detach(r);
}

/* The ledger is older than what the poster was told. */
static void rolled_back(void **state)
{
	struct link *t = *state;
	struct acctring_lane_state s[LANES];
	const struct acctring_resume resume = { LANES, s };
	struct acctring_reader *r;

	r = attach(t, NULL);
	states(r, s);
	post(t, 300); /* 128 in the ring, 172 in a row */
	acctring_drain(r, add, t, 0);
	acctring_commit(r);
	acctring_detach(r);
	post(t, 100);
	t->posts = 0;
	r = attach(t, &resume);
	assert_int_equal(acctring_reader_rolled_back(r), 300);
	assert_false(acctring_reader_whole(r, 0));
	assert_null(acctring_reader_reason(r)); /* not the backend's fault */
	assert_int_equal(acctring_drain(r, add, t, ACCTRING_DRAIN_LAST), 100);
	acctring_commit(r);
	post(t, 100);
	assert_int_equal(acctring_drain(r, add, t, 0), 100);
	acctring_detach(r);
}

/*
 * Older by so much that 32 bits of a position no longer tell before from after: ours
 * is ahead of what the poster was told by more than it can have posted since.
 */
static void rolled_back_far(void **state)
{
	struct link *t = *state;
	struct acctring_lane_state s[LANES];
	const struct acctring_resume resume = { LANES, s };
	const uint32_t far = 3000000000u;
	struct acctring_reader *r;

	r = attach(t, NULL);
	post(t, 300); /* 128 in the ring, 172 in a row */
	acctring_drain(r, add, t, 0);
	acctring_commit(r);
	states(r, s);
	acctring_detach(r);
	s[0].pos -= far;
	s[0].ack -= far;
	memset(s[0].base, 0, sizeof(s[0].base));
	post(t, 100);
	t->posts = 0;
	r = attach(t, &resume);
	assert_true(acctring_reader_rolled_back(r) == 2ull * far);
	assert_int_equal(acctring_drain(r, add, t, 0), 100);
	assert_null(acctring_reader_reason(r)); /* not the backend's fault */
	acctring_detach(r);
}

/* Died between C0 and C2 with a full ring, and with rows: that is no roll-back. */
static void not_told(void **state)
{
	struct link *t = *state;
	struct acctring_lane_state s[LANES];
	const struct acctring_resume resume = { LANES, s };
	struct acctring_reader *r;

	r = attach(t, NULL);
	post(t, 5000);
	acctring_drain(r, add, t, 0);
	states(r, s);
	acctring_detach(r);
	r = attach(t, &resume);
	assert_true(acctring_reader_rolled_back(r) == 0);
	acctring_drain(r, add, t, ACCTRING_DRAIN_LAST);
	assert_int_equal(t->posts, 5000);
	acctring_detach(r);
}

/* Another ledger took part: what it had stays with it. */
static void other_ledger(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r;

	post(t, 300);
	r = attach(t, NULL);
	acctring_drain(r, add, t, 0);
	acctring_commit(r);
	acctring_detach(r);
	post(t, 50);
	t->posts = 0;
	r = attach(t, NULL);
	assert_int_equal(acctring_drain(r, add, t, ACCTRING_DRAIN_LAST), 50);
	acctring_detach(r);
}

/* The backend changed the link page between two attaches of one epoch. */
static void other_geometry(void **state)
{
	struct link *t = *state;
	struct acctring_lane_state s[LANES] = { { .pos = 0 } };
	const struct acctring_resume one = { 1, s }, two = { LANES, s };

	t->how.resume = &one;
	expect(t, -EPROTO, "geometry out of range");
	s[1].rows = 63; /* a ledger that is not ours */
	t->how.resume = &two;
	expect(t, -EINVAL, NULL);
}

/* ------------------------------------------------------------------ */

static void payer_changes(struct link *t, unsigned int what)
{
	struct acctring_payer_row *row = (struct acctring_payer_row *)t->p->payers + 300, out;
	struct acctring_reader *r = attach(t, NULL);
	unsigned int i;

	*row = (struct acctring_payer_row){ 7, ACCTRING_KIND_VBD, ACCTRING_PAYER_OPEN, 51712, 3 };
	assert_int_equal(acctring_reader_payer(r, 300, &out), 0);
	row->state = ACCTRING_PAYER_CLOSED; /* may be */
	assert_int_equal(acctring_reader_payer(r, 300, &out), 0);
	row->domid += what == 0;
	row->kind += what == 1;
	row->device += what == 2;
	row->serial += what == 3;
	row->state -= what == 4;
	if (what & 1)
		assert_int_equal(acctring_reader_payer(r, 300, &out), -EPROTO);
	for (i = 0; i < 512 / 64 && acctring_drain(r, add, t, 0) >= 0; i++)
		;
	assert_int_equal(acctring_drain(r, add, t, 0), -EPROTO);
	assert_string_equal(acctring_reader_reason(r), "payer row changed");
	acctring_detach(r);
}

static void payers(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r = attach(t, NULL);
	struct acctring_payer_row out;
	unsigned int i;

	assert_int_equal(acctring_reader_payer(r, 258, &out), -ENOENT);
	assert_int_equal(acctring_reader_payer(r, 512, &out), -EINVAL);
	acctring_detach(r);
	for (i = 0; i < 5; i++)
		payer_changes(t, i);
}

static void quarantine(void **state)
{
	struct link *t = *state;
	struct acctring_payer_row out;
	struct acctring_reader *r;

	post(t, 20);
	r = attach(t, NULL);
	t->p->lane[0].ring[7].zero = 1;
	assert_int_equal(acctring_drain(r, add, t, 0), -EPROTO);
	assert_int_equal(t->posts, 7);
	assert_string_equal(acctring_reader_reason(r), "bad record");
	assert_int_equal(acctring_drain(r, add, t, 0), -EPROTO);
	assert_int_equal(acctring_reader_payer(r, 9, &out), -EPROTO);
	acctring_detach(r);
}

/* An allowance is asked for by number, given in time, and ends by itself. */
static void allowance(void **state)
{
	struct link *t = *state;
	struct acctring_reader *r = attach(t, NULL);
	struct acctring_lane *l = &t->lane[0].pub;

	post(t, 10);
	t->p->lane[0].page->cpu_at = acctring_counter(l);
	assert_int_equal(acctring_reader_allow(r, 0, 9, 31, 1000), 0);
	assert_true(acctring_admit(l, 9));
	assert_int_equal(acctring_reader_allow(r, 0, 9, 30, 1000), 0);
	assert_false(acctring_admit(l, 9));
	assert_int_equal(acctring_reader_allow(r, 0, 9, 0, 1000), 0);
	assert_true(acctring_admit(l, 9));
	assert_int_equal(acctring_reader_allow(r, 0, 511, 1, 1), 0);
	assert_true(t->p->lane[0].kreply[1].row[511 - 256 - 8].ns == 1);
	assert_int_equal(acctring_reader_allow(r, 0, 9, 1, 1), 0);
	usleep(3000);
	assert_true(acctring_admit(l, 9));
	assert_int_equal(acctring_reader_allow(r, 2, 9, 1, 1), -EINVAL);
	assert_int_equal(acctring_reader_allow(r, 0, 512, 1, 1), -EINVAL);
	assert_int_equal(acctring_reader_allow(r, 0, 7, 1, 1), -EINVAL);
	assert_int_equal(acctring_reader_allow(r, 0, 260, 1, 1), -EINVAL);
	assert_int_equal(acctring_reader_allow(r, 0, 9, 1, 0), -EINVAL);
	assert_int_equal(acctring_reader_allow(r, 0, 9, 1, 1001), -EINVAL);
	t->p->lane[0].page->cpu_at = acctring_counter(l);
	assert_int_equal(acctring_reader_allow(r, 0, 9, 1, 1000), 0);
	assert_false(acctring_admit(l, 9));
	acctring_detach(r); /* `alive` is cleared: open */
	assert_true(acctring_admit(l, 9));
}

#define with(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A backend may write there what it likes, whenever it likes. */
static void basis(void **state)
{
	static const uint32_t said[] = { 0, 1, 2, 3, 4, 0xffff, 0x10000, UINT32_MAX, 0 };
	struct link *t = *state;
	struct acctring_reader *r = attach(t, NULL);
	unsigned int i;

	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		t->p->lane[1].page->basis = said[i];
		assert_int_equal(acctring_reader_basis(r, 1), said[i] < 3 ? said[i] : 3);
		assert_int_equal(acctring_reader_basis(r, 0), ACCTRING_BASIS_THREAD);
	}
	acctring_detach(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(stale),	       with(stale_lane),  with(no_map),
		with(too_many_pages),  with(version),	  with(geometry),
		with(from_beginning),  with(from_ledger), with(rolled_back),
		with(rolled_back_far), with(not_told),	  with(other_ledger),
		with(other_geometry),  with(payers),	  with(quarantine),
		with(allowance),       with(basis),
	};

	return cmocka_run_group_tests_name("ring_attach", tests, NULL, NULL);
}
