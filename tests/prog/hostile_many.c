/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile_many - a backend that costs its accountant as much as it can: pages,
 * events, attempts to attach.
 *
 *	hostile_many pages LINKS RINGS	LINKS links of 14 lanes with RINGS ring pages each,
 *					made of few pages of its own
 *	hostile_many grow LINKS		LINKS small links; at a line on stdin they move to
 *					pages of 15 payer pages and a ring of 64
 *	hostile_many storm MS		one link, and its port fired for so long: "ROUNDS MS"
 *	hostile_many fail TIMES		links whose last page is not right, a new epoch each
 *					time, then nodes that are right and wrong by turns: "MS"
 *
 * Prints "ready" when its links are published; pages and grow then wait for
 * the end of stdin.
 */
#include "tests/prog/hostile_pages.h"

#include "common/clock.h"

#define NODE "/local/domain/1/data/acctring/link/%u"
#define FIRST_SLOT 100u
#define LANES_OF_MANY 14u
#define FAILING 8u /* links */

struct shape {
	unsigned int lanes, ring_pages, payer_pages;
};

/* Pages that all links and lanes use again and again. */
static struct {
	uint32_t payers, lane, ring;
} common;

struct fake {
	uint64_t epoch;
	uint32_t ref;
	int port;
	struct acctring_link_page *link;
	struct acctring_reply_page *reply;
	struct acctring_lane_reply_page *last;
};

static struct hostile h;

static void *page(uint32_t *ref, bool writable)
{
	void *at = xengntshr_share_pages(h.share, 1, 1, ref, writable);

	if (!at)
		err(1, "xengntshr_share_pages");
	memset(at, 0, ACCTRING_PAGE);
	return at;
}

static void make_common(void)
{
	struct acctring_lane_page *lane;

	page(&common.payers, false);
	page(&common.ring, false);
	lane = page(&common.lane, false);
	lane->here = 1;
}

static void fill(struct fake *f, const struct shape *s)
{
	struct acctring_link_page *l = f->link;
	uint32_t *ref = l->ref;

	*l = (struct acctring_link_page){ .version = ACCTRING_ABI_VERSION,
					  .epoch = f->epoch,
					  .domid = 1,
					  .lanes = (uint16_t)s->lanes,
					  .ring_pages = (uint16_t)s->ring_pages,
					  .payer_pages = (uint16_t)s->payer_pages,
					  .counter = ACCTRING_COUNTER_NS,
					  .mult = 1,
					  .magic = ACCTRING_MAGIC_LINK,
					  .program = "many",
					  .alive = 1 };
	f->reply = page(ref++, true);
	f->reply->magic = ACCTRING_MAGIC_REPLY;
	f->reply->epoch = f->epoch;
	for (unsigned int i = 0; i < s->payer_pages; i++)
		*ref++ = common.payers;
	for (unsigned int i = 0; i < s->lanes; i++) {
		*ref++ = common.lane;
		for (unsigned int j = 0; j < s->payer_pages; j++) {
			f->last = page(ref++, true);
			f->last->magic = ACCTRING_MAGIC_LANE_REPLY;
			f->last->epoch = f->epoch;
			f->last->lane = i;
			f->last->page = j;
		}
		for (unsigned int j = 0; j < s->ring_pages; j++)
			*ref++ = common.ring;
	}
	l->refs_used = (uint32_t)(ref - l->ref);
}

static void publish(const struct fake *f, unsigned int slot, const char *state)
{
	char path[64], line[128];
	int n = snprintf(line, sizeof(line), "v=1 abi=1.0 epoch=%016" PRIx64 " ref=%u port=%d %s",
			 f->epoch, f->ref, f->port, state);

	snprintf(path, sizeof(path), NODE, FIRST_SLOT + slot);
	if (!xs_write(h.xs, XBT_NULL, path, line, (unsigned int)n))
		err(1, "%s", path);
}

static void make(struct fake *f, unsigned int slot, const struct shape *s)
{
	if (!f->epoch)
		f->epoch = hostile_random(&h.random) | 1;
	f->link = xengntshr_share_page_notify(h.share, 1, &f->ref, 0,
					      offsetof(struct acctring_link_page, alive),
					      (evtchn_port_t)-1);
	if (!f->link)
		err(1, "xengntshr_share_page_notify");
	f->port = xenevtchn_bind_unbound_port(h.evtchn, 1);
	if (f->port < 0)
		err(1, "xenevtchn_bind_unbound_port");
	fill(f, s);
	publish(f, slot, "state=4");
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void pages(unsigned int links, unsigned int rings)
{
	const struct shape s = { LANES_OF_MANY, rings, 1 };

	for (unsigned int i = 0; i < links; i++)
		make(&(struct fake){ 0 }, i, &s);
	ready();
	getchar();
}

static void grow(unsigned int links)
{
	const struct shape small = { 1, 0, 1 }, big = { 1, 64, 15 };
	struct fake *f = calloc(links, sizeof(*f));

	if (!f)
		err(1, "calloc");
	for (unsigned int i = 0; i < links; i++)
		make(&f[i], i, &small);
	ready();
	getchar();
	for (unsigned int i = 0; i < links; i++)
		make(&f[i], i, &big);
	ready();
	while (getchar() != EOF)
		;
	free(f);
}

static uint32_t rounds(const struct fake *f)
{
	return __atomic_load_n(&f->reply->tick, __ATOMIC_RELAXED);
}

static void storm(unsigned int ms)
{
	const struct shape s = { 1, 0, 1 };
	struct fake f = { 0 };
	uint64_t from;
	uint32_t before;

	make(&f, 0, &s);
	while (!rounds(&f))
		usleep(1000);
	from = now_ms();
	before = rounds(&f);
	while (now_ms() - from < ms)
		xenevtchn_notify(h.evtchn, (evtchn_port_t)f.port);
	printf("%u %u\n", rounds(&f) - before, (unsigned int)(now_ms() - from));
	publish(&f, 0, "state=6");
}

static void fail(unsigned int times)
{
	const struct shape s = { LANES_OF_MANY, 0, 1 };
	uint64_t from = now_ms();
	struct fake f[FAILING] = { { 0 } };

	for (unsigned int i = 0; i < FAILING; i++) {
		make(&f[i], i, &s);
		f[i].last->magic = 0;
	}
	for (unsigned int i = 0; i < times; i++) {
		struct fake *x = &f[i % FAILING];

		x->epoch = hostile_random(&h.random) | 1;
		x->link->epoch = x->reply->epoch = x->epoch;
		publish(x, i % FAILING, "state=4");
		usleep(2000);
	}
	for (unsigned int i = 0; i < times / 4; i++) {
		publish(&f[0], 0, i & 1 ? "state=4" : "state=four");
		usleep(12000);
	}
	for (unsigned int i = 0; i < FAILING; i++)
		publish(&f[i], i, "state=6");
	printf("%u\n", (unsigned int)(now_ms() - from));
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 0) : 0;

	if (argc < 3)
		errx(2, "usage: hostile_many pages|grow|storm|fail NUMBER [RINGS]");
	hostile_open(&h, (uint64_t)getpid() * 7919 + now_ms());
	make_common();
	if (!strcmp(argv[1], "pages"))
		pages(n, argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 0) : 64);
	else if (!strcmp(argv[1], "grow"))
		grow(n);
	else if (!strcmp(argv[1], "storm"))
		storm(n);
	else
		fail(n);
	hostile_close(&h);
	return 0;
}
