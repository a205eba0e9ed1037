/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard at work on a real link in this process: limits become allowances, of the
 * right rows, for as long as they are wanted.
 */
#include "tests/unit/test_ring_life.h"

#include "accountant/allow_impl.h"
#include "accountant/pays.h"
#include "common/clock.h"

#define MS 1000000u
#define REQUEST 20000u

static const uint8_t vm2[16] = { 0x22 }, vm3[16] = { 0x33 };
static struct acctring *ring;
static struct acctring_lane *lane;
static struct worker w;
static struct domain d;

static void serve(unsigned int domid, const uint8_t uuid[16], const char *name)
{
	struct served_entry e = { .backend = 5, .domid = (uint16_t)domid, .serial = 1 };

	memcpy(e.uuid, uuid, 16);
	snprintf(e.name, sizeof(e.name), "%s", name);
	assert_non_null(served_set(&w.served, &e, false, 1));
}

static void work(int payer)
{
	struct acctring_cost c = {
		.ns = REQUEST, .units = 1, .payer = (uint16_t)payer, .klass = ACCTRING_CLASS_READ
	};

	assert_int_equal(acctring_post(lane, &c), 0);
}

static void take(void *ctx, const struct acctring_item *item, unsigned int n)
{
	for (; n; n--, item++)
		pays_weigh(&w, ctx, item, false);
}

/* As links.c makes it. */
static struct link *join(const struct acctring_resume *resume)
{
	struct link *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->reader = attach(ring, resume);
	k->domain = &d;
	k->state = LINK_ATTACHED;
	k->e.id.domid = 5;
	k->e.lanes = acctring_reader_lanes(k->reader);
	k->npayers = acctring_reader_payers(k->reader);
	k->payer = calloc(k->npayers, sizeof(*k->payer));
	k->lane = calloc(k->e.lanes, sizeof(*k->lane));
	for (unsigned int i = 0; i < k->e.lanes; i++)
		k->lane[i].had_known = true;
	/* a lane goes to new pages when it posts */
	for (unsigned int i = 0; i < 1000 && !acctring_reader_whole(k->reader, 0); i++) {
		work(ACCTRING_PAYER_OWN);
		nap(1);
		acctring_drain(k->reader, take, k, 0);
	}
	nap(120); /* and tells its clock there, from which leases count */
	k->serial = ++w.serial;
	k->next = w.links;
	w.links = k;
	allow_again(&w);
	return k;
}

static void part(struct link *k)
{
	struct link **p = &w.links;

	while (*p != k)
		p = &(*p)->next;
	*p = k->next;
	if (k->reader)
		acctring_detach(k->reader);
	for (unsigned int i = 0; i < k->e.lanes; i++)
		lane_free(&k->lane[i]);
	free(k->lane);
	free(k->payer);
	free(k);
	allow_again(&w);
}

static int setup(void **state)
{
	(void)state;
	xen_reset();
	ring = open_in_5(1);
	lane = acctring_lane_open(ring);
	memset(&w, 0, sizeof(w));
	memset(&d, 0, sizeof(d));
	d.domid = 5;
	memset(d.uuid, 5, sizeof(d.uuid));
	snprintf(d.name, sizeof(d.name), "driver");
	w.domains = &d;
	w.domid = 1;
	w.conf.guard = GUARD_ON;
	w.conf.rules.host = policy_default();
	w.allow = allow_new();
	if (!ring || !lane || !w.allow || !accounts_init(&w.accounts) || !served_init(&w.served))
		return -1;
	serve(2, vm2, "two");
	serve(3, vm3, "three");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (w.links)
		part(w.links);
	acctring_lane_close(lane);
	acctring_close(ring, 0);
	allow_forget(&w);
	allow_free(w.allow);
	quota_free(&w.quotas);
	rules_free(&w.conf.rules);
	accounts_free(&w.accounts);
	served_free(&w.served);
	return 0;
}

/* A tick as worker.c makes one. */
static void tick(void)
{
	for (struct link *k = w.links; k; k = k->next)
		assert_true(acctring_drain(k->reader, take, k, 0) >= 0);
	allow_tick(&w);
}

/* How many requests of a VM that never stops are served in so many ms. */
static unsigned int served_in(int payer, unsigned int ms, struct account *bill)
{
	uint64_t until = now_ns() + (uint64_t)ms * MS, next = 0;
	unsigned int n = 0;

	while (now_ns() < until) {
		if (now_ns() >= next) {
			next = now_ns() + 5ull * MS;
			tick();
		}
		if (!acctring_admit(lane, (unsigned int)payer))
			continue;
		work(payer);
		n++;
		if (bill)
			bill->book.charged_ns += REQUEST;
	}
	return n;
}

static bool denied_soon(int payer)
{
	for (unsigned int i = 0; i < 100000; i++) {
		if (!acctring_admit(lane, (unsigned int)payer))
			return true;
		work(payer);
	}
	return false;
}

static void limit(const char *vm, const char *driver, uint64_t ppm)
{
	assert_true(quota_set(&w.quotas, vm, driver, ppm));
	allow_again(&w);
}

/* The rate, a bucket of 70 ms of it, and a request; and not much less. */
static void rate(void **state)
{
	struct account_key key = { .backend = 5, .kind = ACCTRING_KIND_VBD, .uuid = { 0x22 } };
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	int three = acctring_payer_open(ring, 3, ACCTRING_KIND_VBD, 1);
	struct account *bill = accounts_get_vm(&w.accounts, &key);
	unsigned int n;

	(void)state;
	limit("two", "driver", 50000);
	join(NULL);
	tick();
	/* a little at once, and no more before we saw that it spends */
	for (n = 0; acctring_admit(lane, (unsigned int)two) && n < 1000; n++)
		work(two);
	assert_in_range(n, 1, 50000000 / 1000 * 70 / 4 / REQUEST + 2);
	assert_true(acctring_admit(lane, (unsigned int)three));
	n = served_in(two, 400, bill);
	/* 5 % of 400 ms: 1000 requests */
	assert_in_range(n, 200, 1000 + 175 + 2);
	assert_false(denied_soon(three));
}

/* A debt that no cap repays is a limit at that driver domain, as long as dom0 says so. */
static void owed(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	int three = acctring_payer_open(ring, 3, ACCTRING_KIND_VBD, 1);
	struct served *s = served_find(&w.served, 5, 2);

	(void)state;
	join(NULL);
	tick();
	assert_null(w.allow->first);
	assert_true(served_limit(s, 1000000, 7, now_ms()));
	assert_false(served_limit(s, 1000000, 7, now_ms() + SERVED_LIMIT_MS)); /* no news */
	w.owed_until_ms = now_ms() + SERVED_LIMIT_MS;
	allow_again(&w);
	tick();
	assert_true(denied_soon(two));
	assert_false(denied_soon(three));
	/* the lower of this and of what the operator said */
	limit("two", "", 500000);
	tick();
	assert_true(denied_soon(two));
	quota_free(&w.quotas);
	allow_again(&w);
	/* it was said too long ago */
	s->limit_ms = now_ms() - SERVED_LIMIT_MS;
	tick();
	tick();
	assert_false(denied_soon(two));
	assert_true(served_limit(s, 1000000, 8, now_ms()));
	allow_again(&w);
	tick();
	assert_true(denied_soon(two));
	served_unset(&w.served, 5, 2);
	allow_again(&w);
	tick();
	assert_false(denied_soon(two));
}

/* A lane that joins late, with all that was spent on it for hours: it was not claimed now. */
static void joins_late(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	struct guarded *g;
	struct link *k;

	(void)state;
	limit("two", "", 50000);
	k = join(NULL);
	served_in(two, 100, NULL);
	g = w.allow->first;
	assert_int_equal(g->lanes, 1);
	/* its link is new to us, and the VM is not */
	g->lanes = 0;
	memset(k->lane[0].row[two].idle, 0, sizeof(k->lane[0].row[two].idle));
	k->lane[0].row[two].listed = k->lane[0].row[two].met = 0;
	tick();
	assert_int_equal(g->lanes, 0);
	assert_int_equal(k->lane[0].row[two].idle[1], k->lane[0].row[two].spent);
	served_in(two, 100, NULL);
	assert_int_equal(g->lanes, 1);
}

/* Nobody else, and not those whom nobody may stop. */
static void exempt(void **state)
{
	int zero = acctring_payer_open(ring, 0, ACCTRING_KIND_VBD, 1);
	int own = acctring_payer_open(ring, 1, ACCTRING_KIND_VBD, 1);
	int three = acctring_payer_open(ring, 3, ACCTRING_KIND_VBD, 1);
	struct rule r = { .vm = "three", .policy = policy_default(), .weight = 0 };
	static const uint8_t dom0[16] = { 0 }, us[16] = { 1 };

	(void)state;
	serve(0, dom0, "Domain-0");
	serve(1, us, "accountant");
	assert_true(rules_add(&w.conf.rules, &r));
	limit("0", "", 1000);
	limit("Domain-0", "driver", 1000);
	limit("1", "", 1000);
	limit("three", "", 1000);
	join(NULL);
	tick();
	assert_null(w.allow->first);
	assert_false(denied_soon(zero));
	assert_false(denied_soon(own));
	assert_false(denied_soon(three));
	assert_false(denied_soon(ACCTRING_PAYER_OWN));
}

static void denied(int payer)
{
	tick();
	assert_true(denied_soon(payer));
	tick();
	assert_true(denied_soon(payer));
}

/* At the next tick, and nothing is left of what was known. */
static void opened(int payer)
{
	tick();
	assert_true(acctring_admit(lane, (unsigned int)payer));
	for (const struct guarded *g = w.allow->first; g; g = g->next) {
		assert_int_equal(g->row.n + g->lanes, 0);
		assert_int_equal(g->guard.level, 0);
	}
	assert_false(denied_soon(payer));
}

static void guard(enum guard_when when, enum mode mode)
{
	w.conf.guard = when;
	d.mode = mode;
	allow_again(&w);
}

/* A limit that is cleared, an accountant that observes. */
static void cleared(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);

	(void)state;
	limit("two", "", 1000);
	join(NULL);
	denied(two);
	guard(GUARD_OBSERVE, MODE_DEBT);
	opened(two);
	guard(GUARD_ON, MODE_OBSERVE);
	denied(two);
	limit("two", "", 0);
	opened(two);
	assert_null(w.allow->first);
}

/* dom0's word counts where we are told to follow it. */
static void follows(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);

	(void)state;
	d.named = true;
	limit("two", "driver", 1000);
	join(NULL);
	guard(GUARD_AUTO, MODE_OBSERVE);
	opened(two);
	assert_false(allow_acts_somewhere(&w));
	guard(GUARD_AUTO, MODE_GUARD);
	denied(two);
	assert_true(allow_acts_somewhere(&w));
	guard(GUARD_AUTO, MODE_OBSERVE);
	opened(two);
	guard(GUARD_AUTO, MODE_DEBT);
	denied(two);
	guard(GUARD_OBSERVE, MODE_DEBT);
	opened(two);
	assert_false(allow_acts_somewhere(&w));
}

/* At one driver domain and at all: the lower one counts, and stays when the other goes. */
static void two_limits(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	unsigned int low, high;

	(void)state;
	limit("two", "5", 500000);
	limit("two", "", 20000);
	join(NULL);
	low = served_in(two, 200, NULL);
	limit("two", "", 0);
	high = served_in(two, 200, NULL);
	assert_in_range(low, 20, 200 + 70 + 150);
	assert_true(high > 3 * low);
	limit("two", "5", 0);
	limit("two", "7", 1000); /* another driver domain's */
	tick();
	assert_false(denied_soon(two));
}

/* Device after device: each row is limited from the start, closed ones are let go. */
static void reconnects(void **state)
{
	unsigned int n = 0;

	(void)state;
	limit("two", "", 20000);
	join(NULL);
	tick();
	for (unsigned int i = 0; i < 40; i++) {
		int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, i);

		tick();
		for (; acctring_admit(lane, (unsigned int)two) && n < 10000; n++)
			work(two);
		tick();
		assert_int_equal(acctring_payer_close(ring, two), 0);
	}
	/* each time a quarter of the bucket over two lanes, and a request */
	assert_true(n <= 40 * (20000000 / 1000 * 70 / 4 / 2 / REQUEST + 2));
	acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 99);
	tick();
	assert_int_equal(w.allow->first->row.n, 1);
	assert_int_equal(w.allow->first->lanes, 0);
}

/* Who came later does not know what was spent: nobody waits for a wrong number. */
static void unknown(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	struct quota q = { .vm = "two" };
	struct allow_state now;
	struct link *k;

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		work(two);
	k = join(NULL);
	tick();
	acctring_prepare(k->reader);
	acctring_commit(k->reader);
	part(k);
	limit("two", "", 1000);
	join(NULL); /* a ledger that never heard of it */
	tick();
	allow_look(&w, &q, &now);
	assert_int_equal(now.lanes, 0);
	assert_int_equal(now.open, 1); /* the other lane was never used */
	assert_false(denied_soon(two));
}

/* What a lane was given and does not use is not kept from the VM's other lanes. */
static void another_lane(void **state)
{
	struct acctring_lane *first = lane, *second = acctring_lane_open(ring);
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	unsigned int n = 0;

	(void)state;
	assert_non_null(second);
	limit("two", "", 900000);
	join(NULL);
	served_in(two, 50, NULL);
	lane = second;
	for (unsigned int i = 0; i < 6; i++) {
		n = served_in(two, 50, NULL);
		lane = lane == first ? second : first;
		/* hops about: it gets what it may */
	}
	assert_in_range(n, 50000 * 9 / 10 / (REQUEST / 1000) / 4, 50000 / (REQUEST / 1000) * 3);
	lane = second;
	for (unsigned int i = 0; i < 20; i++) {
		nap(10);
		tick();
	}
	assert_int_equal(w.allow->first->lanes, 0); /* both rest */
	assert_true(served_in(two, 100, NULL) > 100000 * 9 / 10 / (REQUEST / 1000) / 2);
	lane = first;
	acctring_lane_close(second);
}

/* A driver domain that is busy: who floods it is held to his part, who does little is not. */
static void shares(void **state)
{
	struct guarded *flood, *light;

	(void)state;
	acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);
	acctring_payer_open(ring, 3, ACCTRING_KIND_VBD, 1);
	d.named = true;
	w.share = true;
	join(NULL);
	tick();
	flood = w.allow->first;
	light = flood->next;
	assert_non_null(light);
	assert_null(light->next);
	if (flood->uuid[0] != 0x22) {
		light = flood;
		flood = light->next;
	}
	for (unsigned int i = 0; i < 200; i++) {
		d.s.measured_ns += 10 * MS - MS / 10;
		flood->paid += 9 * MS;
		light->paid += MS / 10;
		allow_share(&w, 10ull * MS);
	}
	assert_in_range(flood->share.rate, 1, 950000000);
	assert_int_equal(light->share.rate, 0);
	for (unsigned int i = 0; i < 100; i++) {
		d.s.measured_ns += MS;
		allow_share(&w, 10ull * MS);
	}
	assert_int_equal(flood->share.rate, 0);
	w.share = false;
	allow_again(&w);
	tick();
	assert_null(w.allow->first);
}

/* Links come and go under it, in the same memory. */
static void links_go(void **state)
{
	int two = acctring_payer_open(ring, 2, ACCTRING_KIND_VBD, 1);

	(void)state;
	limit("two", "", 1000);
	for (unsigned int i = 0; i < 5; i++) {
		struct link *k = join(NULL);

		tick();
		if (!i) {
			assert_true(denied_soon(two));
			tick();
			assert_int_equal(w.allow->first->lanes, 1);
		}
		part(k);
		if (i & 1)
			tick();
	}
	tick();
	assert_null(w.allow->first);
	assert_true(acctring_admit(lane, (unsigned int)two));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rate),    TEST(owed),     TEST(joins_late),   TEST(exempt),
		TEST(cleared), TEST(follows),  TEST(two_limits),   TEST(reconnects),
		TEST(unknown), TEST(links_go), TEST(another_lane), TEST(shares),
	};

	urcu_memb_register_thread();
	return cmocka_run_group_tests_name("acct_allow", tests, NULL, NULL);
}
