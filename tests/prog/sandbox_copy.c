/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grant copy in the sandbox. */
#include "tests/prog/sandbox_test.h"

static xengntshr_handle *s1;
static xengnttab_handle *t0;
static uint32_t rw, ro, other;
static char *p_rw, *p_ro;

static xengnttab_grant_copy_segment_t get(uint32_t ref, uint16_t off, void *to, uint16_t len)
{
	xengnttab_grant_copy_segment_t s = {
		.source.foreign = { .ref = ref, .offset = off, .domid = 1 },
		.dest.virt = to,
		.len = len,
		.flags = GNTCOPY_source_gref,
		.status = 99,
	};

	return s;
}

static xengnttab_grant_copy_segment_t put(void *from, uint32_t ref, uint16_t off, uint16_t len)
{
	xengnttab_grant_copy_segment_t s = {
		.source.virt = from,
		.len = len,
		.flags = GNTCOPY_dest_gref,
		.dest.foreign = { .ref = ref, .offset = off, .domid = 1 },
		.status = 99,
	};

	return s;
}

static void test_ways(void)
{
	char buf[64] = "", hello[] = "hello from 0";
	xengnttab_grant_copy_segment_t s[4] = {
		put(hello, rw, 10, sizeof(hello)),
		get(ro, 0, buf, 16),
		get(rw, 4000, buf + 32, 16),
	};

	put_text(p_ro, "read only page");
	put_text(p_rw + 4000, "at the end");
	s[3] = get(ro, 5, NULL, 4);
	s[3].flags |= GNTCOPY_dest_gref;
	s[3].dest.foreign.ref = rw;
	s[3].dest.foreign.offset = 100;
	s[3].dest.foreign.domid = 1;
	ok(xengnttab_grant_copy(t0, 4, s) == 0, "a batch of four");
	ok(s[0].status == GNTST_okay && strcmp(p_rw + 10, hello) == 0, "local to grant");
	ok(s[1].status == GNTST_okay && strcmp(buf, "read only page") == 0,
	   "read-only grant to local");
	ok(s[2].status == GNTST_okay && strcmp(buf + 32, "at the end") == 0, "with an offset");
	ok(s[3].status == GNTST_okay && memcmp(p_rw + 100, "only", 4) == 0, "grant to grant");
}

static void test_status(void)
{
	char buf[16] = "x";
	xengnttab_grant_copy_segment_t s[5] = {
		put(buf, ro, 0, 4), get(other, 0, buf, 4), get(123456, 0, buf, 4),
		get(rw, 0, buf, 4), get(rw, 10, buf, 5),
	};

	s[3].source.foreign.domid = 77;
	ok(xengnttab_grant_copy(t0, 5, s) == 0, "failing segments do not fail the call");
	ok(s[0].status == GNTST_general_error, "into a read-only grant: refused");
	ok(s[1].status == GNTST_general_error, "granted to another domain: refused");
	ok(s[2].status == GNTST_bad_gntref, "a wild reference");
	ok(s[3].status == GNTST_bad_domain, "a domain that is not there");
	ok(s[4].status == GNTST_okay && memcmp(buf, "hello", 5) == 0,
	   "and the good one behind them is done");
}

static void test_refused(void)
{
	char buf[8];
	xengnttab_grant_copy_segment_t s = get(rw, 4090, buf, 8);

	ok(xengnttab_grant_copy(t0, 1, &s) == -1 && errno == EINVAL,
	   "across the end of the page: EINVAL");
	s = get(rw, 0, buf, 8);
	s.flags = 0;
	ok(xengnttab_grant_copy(t0, 1, &s) == -1 && errno == EINVAL, "no foreign end: EINVAL");
	s = get(rw, 0, (void *)8, 8);
	ok(xengnttab_grant_copy(t0, 1, &s) == 0 && s.status == GNTST_general_error,
	   "a bad local address: no signal");
}

static void test_big(void)
{
	enum { N = 100 };
	static char from[N][PAGE], to[N][PAGE];
	static xengnttab_grant_copy_segment_t s[2 * N];
	uint32_t ref[N];
	char *p = xengntshr_share_pages(s1, 0, N, ref, 1);
	int i;

	for (i = 0; i < N; i++) {
		memset(from[i], i + 1, PAGE);
		s[i] = put(from[i], ref[i], 0, PAGE);
		s[N + i] = get(ref[i], 0, to[i], PAGE);
	}
	ok(xengnttab_grant_copy(t0, 2 * N, s) == 0 && memcmp(from, to, sizeof(to)) == 0 &&
		   memcmp(p, from, sizeof(from)) == 0,
	   "200 whole pages there and back");
	xengntshr_unshare(s1, p, N);
	ok(xengnttab_grant_copy(t0, 1, s) == 0 && s[0].status != GNTST_okay,
	   "not after the unshare");
}

int main(void)
{
	s1 = shr_in(1);
	t0 = tab_in(0);
	p_rw = xengntshr_share_pages(s1, 0, 1, &rw, 1);
	p_ro = xengntshr_share_pages(s1, 0, 1, &ro, 0);
	ok(xengntshr_share_pages(s1, 2, 1, &other, 1) && p_rw && p_ro, "three grants");
	test_ways();
	test_status();
	test_refused();
	test_big();
	return failures != 0;
}
