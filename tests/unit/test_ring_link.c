/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link from open to close, on a Xen of the test's own. */
#include "tests/unit/test_ring_life.h"

#include "ring/reader.h"

#include <inttypes.h>
#include <sys/wait.h>

/* ------------------------------------------------------------------ */

static void options(void **state)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	static const struct {
		unsigned int lanes;
		int ring_pages;
		unsigned int payers;
		int accountant, pages, least;
	} t[] = {
		{ 0, -1, 0, -1, 1 + 1 + 1 + 4 * 10, 1 + 1 + 1 + 4 * 2 },
		{ 1, 0, 1, 0, 5, 5 },
		{ 1, 64, 248, 32751, 1 + 1 + 2 + 67, 1 + 1 + 2 + 3 },
		{ 256, 8, 247, -1, 1 + 1 + 1 + 2560, 515 },
		{ 257, 0, 0, -1, -EINVAL, -EINVAL },
		{ 1, 3, 0, -1, -EINVAL, -EINVAL },
		{ 1, 65, 0, -1, -EINVAL, -EINVAL },
		{ 1, 128, 0, -1, -EINVAL, -EINVAL },
		{ 1, -2, 0, -1, -EINVAL, -EINVAL },
		{ 1, 0, 3719, -1, 1 + 1 + 15 + 16, 33 },
		{ 1, 0, 3720, -1, -EINVAL, -EINVAL },
		{ 256, 0, 3719, -1, -EINVAL, -EINVAL },
		{ 1, 0, 1, -2, -EINVAL, -EINVAL },
		{ 1, 0, 1, 0x7ff0, -EINVAL, -EINVAL },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		o.lanes = t[i].lanes;
		o.ring_pages = t[i].ring_pages;
		o.payers = t[i].payers;
		o.accountant = t[i].accountant;
		assert_int_equal(acctring_pages(&o, false), t[i].pages);
		assert_int_equal(acctring_pages(&o, true), t[i].least);
		if (t[i].pages < 0) {
			assert_null(acctring_open(&o));
			assert_int_equal(errno, EINVAL);
		}
	}
	o.size = 4;
	assert_int_equal(acctring_pages(&o, false), -EINVAL);
	assert_string_equal(acctring_version(), ACCTRING_VERSION);
}

/* A caller that was built with fewer fields than we know, or with more. */
static void options_of_other_versions(void **state)
{
	const size_t known = offsetof(struct acctring_options, payers);
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring *r;
	char *other;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	st_relaxed(&xen.no_devices, true);
	o.lanes = 2;
	o.ring_pages = 0;
	o.payers = 3719; /* not in what the older one has */
	o.accountant = -2;
	o.size = known;
	other = malloc(known); /* exactly: the sanitizer sees who reads more */
	memcpy(other, &o, known);
	assert_int_equal(acctring_pages((void *)other, false), 1 + 1 + 1 + 2 * 2);
	r = acctring_open((void *)other);
	free(other);
	assert_non_null(r);
	assert_int_equal(stats_of(r).lanes, 2);
	assert_int_equal(stats_of(r).payers, 247);
	assert_int_equal(acctring_close(r, 0), 0);
	o.accountant = -1;
	o.size = sizeof(o) + 24;
	other = malloc(o.size);
	memset(other, 0xff, o.size);
	memcpy(other, &o, sizeof(o));
	assert_int_equal(acctring_pages((void *)other, false), 1 + 1 + 15 + 2 * 16);
	free(other);
	o.size = sizeof(o.size);
	assert_int_equal(acctring_pages(&o, false), acctring_pages(NULL, false));
	o.size--;
	assert_int_equal(acctring_pages(&o, false), -EINVAL);
}

/* No Xen at all: everything works, and says so. */
static void local(void **state)
{
	struct acctring_lane *l;
	struct acctring_stats s;
	struct acctring *r;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	st_relaxed(&xen.no_devices, true);
	r = acctring_open(NULL);
	assert_non_null(r);
	s = stats_of(r);
	assert_int_equal(s.state, ACCTRING_LOCAL);
	assert_int_equal(s.error, -ENOENT);
	assert_int_equal(s.lanes, 4);
	assert_int_equal(s.payers, 247);
	l = acctring_lane_open(r);
	post_some(l, ACCTRING_PAYER_OWN, 3000);
	s = stats_of(r);
	assert_int_equal(s.recorded, 1024);
	assert_int_equal(s.spilled, 3000 - 1024);
	assert_int_equal(s.pending, 3000);
	assert_int_equal(s.lanes_open, 1);
	acctring_lane_close(l);
	assert_int_equal(acctring_close(r, 1000), 3000);
}

static void payers(void **state)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring *r;
	int i, n, last = 8;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	o.payers = 300;
	r = acctring_open(&o);
	assert_int_equal(acctring_payer_open(r, 32752, 1, 0), -EINVAL);
	assert_int_equal(acctring_payer_open(r, 1, 16, 0), -EINVAL);
	for (i = 0; i < 2 * 248 - 1; i++) {
		n = acctring_payer_open(r, 3, ACCTRING_KIND_VBD, (unsigned int)i);
		assert_true(n > last && n % 256 >= 8);
		last = n;
	}
	assert_int_equal(last, 511);
	assert_int_equal(acctring_payer_open(r, 3, 1, 1), -ENOSPC);
	assert_int_equal(stats_of(r).payers_open, 495);
	assert_int_equal(stats_of(r).payers_used, stats_of(r).payers);
	assert_int_equal(acctring_payer_close(r, 300), 0);
	assert_int_equal(acctring_payer_close(r, 300), -EINVAL);
	assert_int_equal(acctring_payer_close(r, 8), -EINVAL);
	assert_int_equal(acctring_payer_close(r, 258), -EINVAL);
	assert_int_equal(acctring_payer_close(r, -1), -EINVAL);
	assert_int_equal(acctring_payer_close(r, 512), -EINVAL);
	assert_int_equal(acctring_payer_open(r, 3, 1, 1), -ENOSPC); /* never again */
	assert_int_equal(stats_of(r).payers_open, 494);
	assert_int_equal(stats_of(r).payers_used, 495);
	acctring_close(r, 0);
}

static void lanes(void **state)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring_lane *a, *b;
	struct acctring *r;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	o.lanes = 2;
	r = acctring_open(&o);
	a = acctring_lane_open(r);
	b = acctring_lane_open(r);
	assert_non_null(a);
	assert_ptr_not_equal(a, b);
	assert_null(acctring_lane_open(r));
	assert_int_equal(errno, EBUSY);
	post_some(a, 8, 5);
	acctring_lane_close(a);
	assert_ptr_equal(acctring_lane_open(r), a);
	post_some(a, 8, 5);
	assert_int_equal(stats_of(r).recorded, 10);
	assert_int_equal(acctring_close(r, 0), 10);
	assert_int_equal(acctring_close(acctring_open(NULL), 0), 0);
}

/* ------------------------------------------------------------------ */

/* Attach, drain, commit, close: all of it is counted, nothing is left. */
static void whole_life(void **state)
{
	struct acctring_payer_row row;
	struct acctring_reader *a;
	struct acctring_lane *l;
	struct sum sum = { 0 };
	struct acctring *r;
	const uint32_t *refs;
	int payer, left;

	(void)state;
	xen_reset();
	r = open_in_5(1);
	assert_int_equal(stats_of(r).state, ACCTRING_WAITING);
	assert_int_equal(stats_of(r).error, 0);
	payer = acctring_payer_open(r, 77, ACCTRING_KIND_VIF, 3);
	l = acctring_lane_open(r);
	post_some(l, payer, 500);
	a = attach(r, NULL);
	assert_int_equal(stats_of(r).state, ACCTRING_ATTACHED);
	assert_string_equal(acctring_reader_program(a), "unit?test");
	assert_false(acctring_reader_never_asks(a));
	assert_int_equal(acctring_reader_lanes(a), 2);
	assert_int_equal(acctring_reader_payers(a), 256);
	assert_int_equal(acctring_reader_refs(a, &refs), 1 + 1 + 1 + 2 * 3);
	assert_int_equal(acctring_reader_payer(a, (unsigned int)payer, &row), 0);
	assert_int_equal(row.domid, 77);
	assert_int_equal(row.kind, ACCTRING_KIND_VIF);
	assert_int_equal(row.device, 3);
	assert_int_equal(acctring_reader_payer(a, 8, &row), 0);
	assert_int_equal(row.domid, 5);
	assert_int_equal(acctring_reader_payer(a, 100, &row), -ENOENT);
	assert_int_equal(acctring_reader_payer(a, 256, &row), -EINVAL);
	assert_int_equal(acctring_reader_payer(a, 7, &row), -EINVAL);
	assert_int_equal(acctring_drain(a, add, &sum, 0), 500);
	assert_int_equal(sum.records, 128);
	assert_int_equal(acctring_reader_fill(a, NULL), 128);
	assert_int_equal(stats_of(r).pending, 500);
	acctring_commit(a);
	assert_int_equal(acctring_reader_fill(a, NULL), 0);
	assert_int_equal(stats_of(r).pending, 0);
	post_some(l, payer, 50); /* into the ring again */
	assert_int_equal(acctring_drain(a, add, &sum, 0), 50);
	assert_int_equal(sum.records, 178);
	acctring_commit(a);
	nap(150);
	assert_true(acctring_reader_cpu(a, 0) > 0);
	assert_true(acctring_reader_alive(a));
	left = acctring_close(r, 100);
	assert_int_equal(left, 0);
	assert_false(acctring_reader_alive(a));
	assert_int_equal(sum.ns, 550 * 7);
	acctring_detach(a);
	assert_int_equal(xen.maps, 0);
	assert_false(node_is(LINK "0"));
}

/* It says so on whatever pages, and of what we do not know nothing. */
static void never_asks(void **state)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring_reader *a;
	struct acctring *r;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	node_set("domid", "5");
	o.flags = ~0u;
	r = acctring_open(&o);
	assert_non_null(r);
	assert_int_equal(stats_of(r).state, ACCTRING_LOCAL);
	st_relaxed(&xen.no_store, false);
	await(r, ACCTRING_WAITING);
	a = attach(r, NULL);
	assert_true(acctring_reader_never_asks(a));
	assert_true(acctring_reader_tells_all(a));
	assert_int_equal(a->link.features,
			 ACCTRING_FEATURE_NEVER_ASKS | ACCTRING_FEATURE_TELLS_ALL);
	acctring_detach(a);
	acctring_close(r, 0);
	xen_reset();
	node_set("domid", "5");
	o.size = offsetof(struct acctring_options, flags); /* built with an older header */
	r = acctring_open(&o);
	a = attach(r, NULL);
	assert_false(acctring_reader_never_asks(a));
	assert_false(acctring_reader_tells_all(a));
	acctring_detach(a);
	acctring_close(r, 0);
}

/* gntalloc has not enough: rings shrink, then there is none, then no link. */
static void shrinks(void **state)
{
	struct acctring *r;

	(void)state;
	xen_reset();
	xen.limit = 1 + 1 + 1 + 2 * (2 + 2);
	r = open_in_5(16);
	assert_int_equal(stats_of(r).ring_pages, 2);
	assert_int_equal(stats_of(r).state, ACCTRING_WAITING);
	acctring_close(r, 0);
	xen_reset();
	xen.limit = 8;
	r = open_in_5(16);
	assert_int_equal(stats_of(r).ring_pages, 0);
	acctring_close(r, 0);
	xen_reset();
	xen.limit = 6;
	assert_null(open_in_5(16));
	assert_int_equal(errno, ENOSPC);
}

/* Xen comes later: what was posted into private memory moves to grants. */
static void comes_late(void **state)
{
	struct acctring_reader *a;
	struct acctring_lane *l, *idle;
	struct sum sum = { 0 };
	struct acctring *r;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	r = open_in_5(1);
	l = acctring_lane_open(r);
	idle = acctring_lane_open(r);
	post_some(l, 8, 300);
	post_some(idle, 8, 200);
	assert_int_equal(stats_of(r).state, ACCTRING_LOCAL);
	st_relaxed(&xen.no_store, false);
	await(r, ACCTRING_WAITING);
	nap(30);
	post_some(l, 8, 1); /* moves; the other lane never posts again */
	a = attach(r, NULL);
	assert_int_equal(acctring_drain(a, add, &sum, 0), 301);
	acctring_commit(a);
	post_some(l, 8, 10);
	assert_int_equal(acctring_drain(a, add, &sum, 0), 10);
	acctring_lane_close(idle);
	assert_int_equal(acctring_drain(a, add, &sum, 0), 200);
	acctring_commit(a);
	assert_int_equal(stats_of(r).moves, 2);
	assert_int_equal(acctring_close(r, 1000), 0);
	assert_int_equal(sum.ns, 511 * 7);
	acctring_detach(a);
}

/* The control thread gives them back; so many stay granted. */
static void old_pages_go(unsigned int granted)
{
	unsigned int i;

	for (i = 0; i < 300 && ld_relaxed(&xen.granted) != granted; i++)
		nap(10);
	assert_int_equal(ld_relaxed(&xen.granted), granted);
}

/* The accountant's domain is another: the same history on new pages. */
static void moves(void **state)
{
	struct acctring_lane_state ls[2];
	struct acctring_resume resume = { 2, ls };
	struct acctring_reader *a, *b;
	struct acctring_lane *l;
	struct sum sum = { 0 };
	struct acctring *r;
	unsigned int i;

	(void)state;
	xen_reset();
	node_set("/local/domain/5/acctring/accountant", "3");
	r = open_in_5(1);
	assert_int_equal(stats_of(r).accountant, 3);
	l = acctring_lane_open(r);
	post_some(l, 8, 300);
	a = attach(r, NULL);
	acctring_drain(a, add, &sum, 0);
	acctring_commit(a);
	post_some(l, 8, 100);
	for (i = 0; i < 2; i++)
		acctring_reader_lane(a, i, &ls[i]);
	acctring_detach(a);
	node_set("/local/domain/5/acctring/accountant", "4");
	for (i = 0; i < 300 && stats_of(r).accountant != 4; i++)
		nap(10);
	post_some(l, 8, 100);
	nap(50);
	post_some(l, 8, 1);
	b = attach(r, &resume);
	assert_int_equal(acctring_reader_rolled_back(b), 0);
	acctring_drain(b, add, &sum, 0);
	acctring_commit(b);
	assert_int_equal(sum.posts, 501);
	assert_int_equal(sum.ns, 501 * 7);
	old_pages_go(1 + 1 + 1 + 2 * 3);
	assert_int_equal(acctring_close(r, 100), 0);
	acctring_detach(b);
}

/* Its domain is saved, and resumed; until its lanes are told of the new pages. */
static void resume_as_9(struct acctring *r)
{
	uint64_t epoch = stats_of(r).epoch;
	struct acctring_link_id id;
	unsigned int i;

	node_set("domid", "9");
	xs_rm(NULL, XBT_NULL, "data"); /* nodes are not carried over */
	node_set("/local/domain/9/acctring/accountant", "0"); /* fires the watch */
	for (i = 0; i < 300 && stats_of(r).epoch == epoch; i++)
		nap(10);
	read_id(r, &id);
	nap(100);
}

/* Resumed as another domain: another epoch, and nothing is told twice. */
static void resumed(void **state)
{
	struct acctring_reader *a, *b;
	struct acctring_lane *l;
	struct acctring_stats s;
	struct sum sum = { 0 };
	struct acctring *r;
	struct acctring_link_id id;

	(void)state;
	xen_reset();
	r = open_in_5(1);
	l = acctring_lane_open(r);
	post_some(l, 8, 300);
	a = attach(r, NULL);
	assert_int_equal(acctring_drain(a, add, &sum, 0), 300);
	acctring_commit(a);
	post_some(l, 8, 100);
	resume_as_9(r);
	post_some(l, 8, 40);
	nap(50);
	post_some(l, 8, 2);
	b = attach(r, NULL);
	assert_int_equal(acctring_drain(a, add, &sum, ACCTRING_DRAIN_LAST), 100);
	acctring_commit(a);
	acctring_detach(a);
	assert_int_equal(acctring_drain(b, add, &sum, 0), 42);
	assert_int_equal(sum.records, 128 + 100 + 42);
	acctring_commit(b);
	s = stats_of(r);
	assert_int_equal(s.recorded + s.spilled, 442);
	assert_int_equal(s.pending, 0);
	old_pages_go(1 + 1 + 1 + 2 * 3);
	/* giving back the old pages closed no port of the new handle */
	assert_true(read_slot(0, &id));
	assert_true(port_bound(id.port));
	assert_int_equal(acctring_close(r, 100), 0);
	acctring_detach(b);
}

static void refused(void **state)
{
	struct acctring_reader *a;
	struct acctring_stats s;
	struct acctring *r;
	char word[64];

	(void)state;
	xen_reset();
	r = open_in_5(1);
	snprintf(word, sizeof(word), "refused %016" PRIx64 " bad record", stats_of(r).epoch);
	node_set("/local/domain/0/data/acctring/peer/5/0", "refused 0123456789abcdef bad record");
	nap(1200);
	assert_int_equal(stats_of(r).state, ACCTRING_WAITING); /* another epoch */
	node_set("/local/domain/0/data/acctring/peer/5/0", word);
	s = await(r, ACCTRING_REFUSED);
	assert_string_equal(s.reason, "bad record");
	a = attach(r, NULL); /* one that knows our version, after one that did not */
	await(r, ACCTRING_ATTACHED);
	acctring_detach(a);
	await(r, ACCTRING_REFUSED);
	acctring_close(r, 5000); /* does not wait for the one who refuses */
}

/* One node is written, and in the steady state nothing. */
static void quiet(void **state)
{
	struct acctring *r;
	unsigned int writes;

	(void)state;
	xen_reset();
	r = open_in_5(1);
	await(r, ACCTRING_WAITING);
	nap(50);
	writes = ld_relaxed(&xen.writes);
	assert_int_equal(writes, 1);
	nap(400);
	assert_int_equal(ld_relaxed(&xen.writes), writes);
	acctring_close(r, 0);
}

/* The domain has as many watches as it may: another accountant is noticed all the same. */
static void unwatched(void **state)
{
	struct acctring *r;
	unsigned int i;

	(void)state;
	xen_reset();
	xen.no_watch = true;
	r = open_in_5(1);
	await(r, ACCTRING_WAITING);
	node_set("/local/domain/5/acctring/accountant", "4");
	for (i = 0; i < 300 && stats_of(r).accountant != 4; i++)
		nap(10);
	assert_int_equal(stats_of(r).accountant, 4);
	acctring_close(r, 0);
}

/* ------------------------------------------------------------------ */

static int child(struct acctring *r, struct acctring_lane *l)
{
	const struct acctring_cost c = { .units = 1, .payer = 8, .klass = 1 };
	struct acctring_stats s = { .size = sizeof(s) };

	if (acctring_post(l, &c) != -EPIPE || acctring_post_fn(l, &c) != -EPIPE ||
	    !acctring_admit(l, 9) || acctring_payer_open(r, 1, 1, 1) != -EPIPE)
		return 1;
	if (acctring_lane_open(r) || errno != EPIPE || acctring_stats(r, &s) != -EPIPE)
		return 2;
	if (acctring_lane_clock(l, 1) != -EPIPE)
		return 3;
	acctring_lane_close(l);
	if (acctring_close(r, 1000) != 0)
		return 3;
#ifdef RING_TSAN
	return 0; /* it allows no threads in a child */
#endif
	r = acctring_open(NULL); /* anew */
	if (!r || !(l = acctring_lane_open(r)) || acctring_post(l, &c))
		return 4;
	return acctring_close(r, 0) == 1 ? 0 : 5;
}

static void forks(void **state)
{
	struct acctring_lane *l;
	struct acctring *r;
	int status;
	pid_t pid;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	r = acctring_open(NULL);
	l = acctring_lane_open(r);
	post_some(l, 8, 10);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(child(r, l));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	post_some(l, 8, 10); /* the parent goes on */
	assert_int_equal(acctring_close(r, 0), 20);
}

/* The lane's clock is its threads' CPU time, and goes on with the next. */
static void *burn(void *arg)
{
	struct acctring_lane *l = acctring_lane_open(arg);
	struct timespec ts;
	uint64_t ns;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
		ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	} while (ns < 60000000);
	acctring_lane_close(l);
	return NULL;
}

static void cpu_clock(void **state)
{
	struct acctring_reader *a;
	struct acctring *r;
	pthread_t t;
	uint64_t cpu;
	int i;

	(void)state;
	xen_reset();
	r = open_in_5(1);
	a = attach(r, NULL);
	for (i = 1; i <= 2; i++) {
		assert_int_equal(pthread_create(&t, NULL, burn, r), 0);
		pthread_join(t, NULL);
		cpu = acctring_reader_cpu(a, 0);
		assert_in_range(cpu, (uint64_t)i * 55000000, (uint64_t)i * 75000000);
	}
	acctring_close(r, 0);
	acctring_detach(a);
}

/* The poster tells the clock: of threads of the kernel, say. */
static void clock_given(void **state)
{
	struct acctring_reader *a, *b;
	struct acctring_lane *l;
	struct acctring *r;

	(void)state;
	xen_reset();
	r = open_in_5(1);
	l = acctring_lane_open(r);
	assert_int_equal(acctring_lane_clock(l, 0), 0);
	a = attach(r, NULL);
	assert_int_equal(acctring_lane_clock(l, 7000000000), 0);
	assert_in_range(acctring_reader_cpu(a, 0), 7000000000, 7010000000);
	nap(50); /* the control thread's ticks leave it alone */
	assert_int_equal(acctring_lane_clock(l, 9000000000), 0);
	assert_int_equal(acctring_reader_cpu(a, 0), 9000000000);
	assert_int_equal(acctring_lane_clock(l, 8000000000), 0); /* never back */
	assert_int_equal(acctring_reader_cpu(a, 0), 9000000000);
	acctring_lane_close(l);
	l = acctring_lane_open(r); /* counts from its opening; the lane's goes on */
	assert_int_equal(acctring_lane_clock(l, 500000000), 0);
	assert_in_range(acctring_reader_cpu(a, 0), 9500000000, 9510000000);
	/* another epoch: what came since is for its accountant */
	resume_as_9(r);
	post_some(l, 8, 1); /* goes to the new pages */
	assert_int_equal(acctring_lane_clock(l, 800000000), 0);
	b = attach(r, NULL);
	assert_int_equal(acctring_reader_cpu(b, 0), 300000000);
	acctring_close(r, 0);
	acctring_detach(a);
	acctring_detach(b);
}

/* On what a lane's clock rests: as it was opened, on whatever pages it is. */
static void basis(void **state)
{
	struct acctring_lane *l, *m;
	struct acctring_reader *a, *b;
	struct acctring *r;

	(void)state;
	xen_reset();
	st_relaxed(&xen.no_store, true);
	r = open_in_5(1);
	assert_null(acctring_lane_open_basis(r, ACCTRING_BASIS_MODEL + 1));
	assert_int_equal(errno, EINVAL);
	l = acctring_lane_open_basis(r, ACCTRING_BASIS_POOL);
	m = acctring_lane_open(r);
	st_relaxed(&xen.no_store, false);
	await(r, ACCTRING_WAITING);
	nap(100);
	post_some(l, 8, 1); /* from private memory to granted pages */
	post_some(m, 8, 1);
	assert_null(acctring_lane_open_basis(r, ACCTRING_BASIS_POOL));
	assert_int_equal(errno, EBUSY);
	a = attach(r, NULL);
	assert_int_equal(acctring_reader_basis(a, 0), ACCTRING_BASIS_POOL);
	assert_int_equal(acctring_reader_basis(a, 1), ACCTRING_BASIS_THREAD);
	assert_int_equal(acctring_reader_basis(a, 2), ACCTRING_BASIS_MODEL);
	acctring_lane_close(l);
	acctring_lane_close(m);
	m = acctring_lane_open(r); /* its own again, though another is free */
	assert_int_equal(acctring_reader_basis(a, 0), ACCTRING_BASIS_POOL);
	l = acctring_lane_open_basis(r, ACCTRING_BASIS_DIRECT);
	assert_int_equal(acctring_reader_basis(a, 0), ACCTRING_BASIS_DIRECT);
	assert_int_equal(acctring_reader_basis(a, 1), ACCTRING_BASIS_THREAD);
	resume_as_9(r);
	post_some(l, 8, 1); /* goes to the new pages */
	post_some(m, 8, 1);
	b = attach(r, NULL);
	assert_int_equal(acctring_reader_basis(b, 0), ACCTRING_BASIS_DIRECT);
	assert_int_equal(acctring_reader_basis(b, 1), ACCTRING_BASIS_THREAD);
	acctring_close(r, 0);
	acctring_detach(a);
	acctring_detach(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_other_versions),
		cmocka_unit_test(options),
		cmocka_unit_test(local),
		cmocka_unit_test(payers),
		cmocka_unit_test(lanes),
		cmocka_unit_test(whole_life),
		cmocka_unit_test(never_asks),
		cmocka_unit_test(shrinks),
		cmocka_unit_test(comes_late),
		cmocka_unit_test(moves),
		cmocka_unit_test(resumed),
		cmocka_unit_test(refused),
		cmocka_unit_test(quiet),
		cmocka_unit_test(unwatched),
		cmocka_unit_test(forks),
		cmocka_unit_test(cpu_clock),
		cmocka_unit_test(clock_given),
		cmocka_unit_test(basis),
	};

	return cmocka_run_group_tests_name("ring_link", tests, NULL, NULL);
}
