/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile_backend - a backend that makes its pages by itself and puts into
 * them whatever hurts: each shared field that it owns gets each nasty value,
 * at rest, then flipped by a thread while it is read.  Prints a TAP line for
 * each field; the accountant's health is judged by hostile.t.
 *
 *	hostile_backend SEED ROUNDS
 */
#include "tests/prog/hostile_pages.h"

#include <pthread.h>

struct field {
	const char *name;
	unsigned int page; /* of struct hostile, in pages */
	unsigned int offset, size;
	const char *reason; /* expected when the value is bad; NULL: harmless */
	/* false: this value must do no harm; else it must be refused */
	bool (*bad)(uint64_t v);
};

#define LINK(f)                                            \
	LINK_PAGE, offsetof(struct acctring_link_page, f), \
		sizeof(((struct acctring_link_page *)0)->f)
#define LANE(f)                                            \
	LANE_PAGE, offsetof(struct acctring_lane_page, f), \
		sizeof(((struct acctring_lane_page *)0)->f)
#define RECORD(f) \
	RING_PAGE, offsetof(struct acctring_record, f), sizeof(((struct acctring_record *)0)->f)
#define COPY(n, f)                                                        \
	LANE_PAGE, offsetof(struct acctring_lane_page, row[0].copy[n].f), \
		sizeof(((struct acctring_row_copy *)0)->f)
#define PAYER(f)                                                    \
	PAYER_PAGE, offsetof(struct acctring_payer_page, row[1].f), \
		sizeof(((struct acctring_payer_row *)0)->f)

static bool not_major_1(uint64_t v)
{
	return v >> 16 != 1;
}
static bool not_one(uint64_t v)
{
	return v != 1;
}
static bool not_pages(uint64_t v)
{
	return v != 1;
}
static bool above_63(uint64_t v)
{
	return v > 63;
}
static bool not_counter(uint64_t v)
{
	return v < 1 || v > 3;
}
static bool not_refs(uint64_t v)
{
	return v != HOSTILE_REFS;
}
static bool above_slots(uint64_t v)
{
	return v > ACCTRING_SLOTS_PER_PAGE;
}
static bool above_61(uint64_t v)
{
	return v > ACCTRING_ROW_OVERFLOW;
}
static bool not_payer(uint64_t v)
{
	return v < 8 || v > 255;
}
static bool not_cause(uint64_t v)
{
	return v > 255;
}
static bool not_class(uint64_t v)
{
	return v < 1 || v > 31;
}
static bool not_zero(uint64_t v)
{
	return v != 0;
}
static bool not_adjacent(uint64_t v)
{
	return v != 1 && (uint32_t)v != UINT32_MAX && v != 0;
}
static bool not_key(uint64_t v)
{
	return not_class(ACCTRING_KEY_CLASS(v)) || not_payer(ACCTRING_KEY_PAYER(v)) ||
	       not_cause(ACCTRING_KEY_CAUSE(v));
}
static bool half_or_more(uint64_t v)
{
	return v >> 63;
}

static const struct field fields[] = {
	{ "link version", LINK(version), "version not supported", not_major_1 },
	{ "link features", LINK(features), NULL, NULL },
	{ "link domid", LINK(domid), NULL, NULL },
	{ "link lanes", LINK(lanes), "geometry out of range", not_one },
	{ "link ring_pages", LINK(ring_pages), "geometry out of range", not_pages },
	{ "link payer_pages", LINK(payer_pages), "geometry out of range", not_one },
	{ "link counter", LINK(counter), "geometry out of range", not_counter },
	{ "link shift", LINK(shift), "geometry out of range", above_63 },
	{ "link mult", LINK(mult), NULL, NULL },
	{ "link refs_used", LINK(refs_used), "geometry out of range", not_refs },
	{ "lane prod", LANE(prod), "prod ahead of ring", above_slots },
	{ "lane spilled", LANE(spilled), NULL, NULL },
	{ "lane rows", LANE(rows), "bad row count", above_61 },
	{ "lane here", LANE(here), NULL, NULL },
	{ "lane cpu_ns", LANE(cpu_ns), NULL, NULL },
	{ "lane cpu_at", LANE(cpu_at), NULL, NULL },
	{ "lane overflowed", LANE(overflowed), NULL, NULL },
	{ "lane basis", LANE(basis), NULL, NULL },
	{ "record end", RECORD(end), NULL, NULL },
	{ "record wait", RECORD(wait), NULL, NULL },
	{ "record ns", RECORD(ns), NULL, NULL },
	{ "record bytes", RECORD(bytes), NULL, NULL },
	{ "record units", RECORD(units), NULL, NULL },
	{ "record flags", RECORD(flags), NULL, NULL },
	{ "record payer", RECORD(payer), "bad record", not_payer },
	{ "record cause", RECORD(cause), "bad record", not_cause },
	{ "record class", RECORD(klass), "bad record", not_class },
	{ "record zero", RECORD(zero), "bad record", not_zero },
	{ "record pos", RECORD(pos), "bad position", not_zero },
	{ "row seq", COPY(1, seq), "bad row sequence", not_adjacent },
	{ "row key", COPY(1, key), "bad row key", not_key },
	{ "row ns", COPY(1, ns), "row sum went back", half_or_more },
	{ "row bytes", COPY(1, bytes), "row sum went back", half_or_more },
	{ "row units", COPY(1, units), "row sum went back", half_or_more },
	{ "payer domid", PAYER(domid), NULL, NULL },
	{ "payer kind", PAYER(kind), NULL, NULL },
	{ "payer state", PAYER(state), NULL, NULL },
	{ "payer device", PAYER(device), NULL, NULL },
	{ "payer serial", PAYER(serial), NULL, NULL },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static int failures;

static void set(struct hostile *h, const struct field *f, uint64_t v)
{
	memcpy(h->page[f->page] + f->offset, &v, f->size); /* little-endian */
}

static uint64_t cut(const struct field *f, uint64_t v)
{
	return f->size == 8 ? v : v & ((1ull << 8 * f->size) - 1);
}

/* Attached and unharmed, or refused with the reason: as the protocol says. */
static bool try_value(struct hostile *h, const struct field *f, uint64_t v)
{
	bool bad = f->bad && f->bad(v);
	const char *got;
	bool good;

	hostile_make(h);
	set(h, f, v);
	hostile_publish(h);
	got = hostile_outcome(h, bad);
	good = !strcmp(got, bad ? f->reason : "attached");
	if (!good)
		printf("# %s = %#" PRIx64 ": \"%s\", expected \"%s\"\n", f->name, v, got,
		       bad ? f->reason : "attached");
	hostile_drop(h);
	return good;
}

static void at_rest(struct hostile *h, const struct field *f, uint64_t seed)
{
	uint64_t sign = 1ull << (8 * f->size - 1);
	const uint64_t nasty[] = { 0,
				   1,
				   UINT64_MAX,
				   sign,
				   sign - 1,
				   sign + 1,
				   2,
				   3,
				   32,
				   61,
				   62,
				   64,
				   ACCTRING_SLOTS_PER_PAGE + 1,
				   255,
				   256,
				   257,
				   hostile_random(&seed) };
	uint64_t done[sizeof(nasty) / sizeof(nasty[0])] = { 0 };
	unsigned int n = 0;
	bool good = true;

	for (unsigned int i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
		uint64_t v = cut(f, nasty[i]);
		unsigned int j;

		for (j = 0; j < n && done[j] != v; j++)
			;
		if (j < n)
			continue;
		done[n++] = v;
		good = try_value(h, f, v) && good;
	}
	printf("%s - %s: %u values at rest\n", good ? "ok" : "not ok", f->name, n);
	fflush(stdout);
	failures += !good;
}

/* ------------------------------------------------------------------ */
/* While being read                                                    */

struct flip {
	struct hostile *h;
	uint64_t seed;
	unsigned int pages; /* bits */
	bool stop;
};

static void *flip(void *arg)
{
	struct flip *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		uint64_t r = hostile_random(&p->seed);
		const struct field *f = &fields[r % FIELDS];
		uint64_t v = r >> 60 ? hostile_random(&p->seed) >> (r >> 8 & 63) : 0;
		uint8_t *at = p->h->page[f->page] + f->offset;

		if (!(p->pages >> f->page & 1))
			continue;
		/* who claims the honest backend's VM and device is its equal */
		if (!strcmp(f->name, "payer domid") && (v & 0xffff) < 4)
			continue;
		if (f->size == 8)
			__atomic_store_n((uint64_t *)at, v, __ATOMIC_RELAXED);
		else if (f->size == 4)
			__atomic_store_n((uint32_t *)at, (uint32_t)v, __ATOMIC_RELAXED);
		else if (f->size == 2)
			__atomic_store_n((uint16_t *)at, (uint16_t)v, __ATOMIC_RELAXED);
		else
			__atomic_store_n(at, (uint8_t)v, __ATOMIC_RELAXED);
		if ((r >> 20 & 0xff) == 0)
			usleep(100); /* two cores are for all */
	}
	return NULL;
}

static void while_read(struct hostile *h, uint64_t seed, unsigned int rounds)
{
	unsigned int refused = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		struct flip p = { .h = h, .seed = seed + i };
		pthread_t thread;

		/* the link page only now and then: it is read once */
		p.pages = 1u << (i % 4 == 0   ? LINK_PAGE
				 : i % 4 == 1 ? LANE_PAGE
				 : i % 4 == 2 ? RING_PAGE
					      : PAYER_PAGE);
		if (i % 8 > 4)
			p.pages |= 1u << LANE_PAGE;
		hostile_make(h);
		if (pthread_create(&thread, NULL, flip, &p))
			errx(1, "pthread_create");
		hostile_publish(h);
		usleep(150000);
		__atomic_store_n(&p.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		refused += !strncmp(hostile_state(h), "refused", 7);
		hostile_drop(h);
	}
	printf("%s - flipped while being read: %u rounds, %u refused\n", refused ? "ok" : "not ok",
	       rounds, refused);
	failures += !refused;
}

/* ------------------------------------------------------------------ */
/* Lies in time                                                        */

static void changed_row(struct hostile *h)
{
	const char *got;

	hostile_make(h);
	h->payers->row[1].domid = 9; /* dom0 never heard of it: looked at again */
	hostile_publish(h);
	hostile_outcome(h, false);
	h->payers->row[1].domid = HOSTILE_PAYS;
	got = hostile_outcome(h, true);
	printf("%s - payer row changed: \"%s\"\n",
	       strcmp(got, "payer row changed") ? "not ok" : "ok", got);
	failures += strcmp(got, "payer row changed") != 0;
	hostile_drop(h);
}

static void sum_goes_back(struct hostile *h)
{
	struct acctring_row *row = &h->lane->row[0];
	const char *got;

	hostile_make(h);
	row->copy[1].ns = 1000;
	hostile_publish(h);
	hostile_outcome(h, false);
	row->copy[0] = row->copy[1];
	row->copy[0].ns = 999;
	__atomic_store_n(&row->copy[0].seq, 2, __ATOMIC_RELEASE);
	__atomic_store_n(&h->lane->spilled, 2, __ATOMIC_RELEASE);
	got = hostile_outcome(h, true);
	printf("%s - sum went back: \"%s\"\n", strcmp(got, "row sum went back") ? "not ok" : "ok",
	       got);
	failures += strcmp(got, "row sum went back") != 0;
	hostile_drop(h);
}

/* Another's page: left alone, nothing is written there. */
static void not_the_epoch(struct hostile *h, size_t offset, const char *name)
{
	uint64_t before[ACCTRING_PAGE / 8];
	bool good;

	hostile_make(h);
	*(uint64_t *)(h->page[LINK_PAGE] + offset) ^= 1;
	memcpy(before, h->page[REPLY_PAGE], sizeof(before));
	hostile_publish(h);
	usleep(400000);
	good = !*hostile_state(h) && !memcmp(before, h->page[REPLY_PAGE], sizeof(before));
	printf("%s - another %s: left alone, nothing written\n", good ? "ok" : "not ok", name);
	failures += !good;
	hostile_drop(h);
}

int main(int argc, char **argv)
{
	struct hostile h;
	uint64_t seed;

	if (argc != 3)
		errx(2, "usage: hostile_backend SEED ROUNDS");
	seed = strtoull(argv[1], NULL, 0);
	hostile_open(&h, seed);
	for (unsigned int i = 0; i < FIELDS; i++)
		at_rest(&h, &fields[i], seed + i);
	changed_row(&h);
	sum_goes_back(&h);
	not_the_epoch(&h, offsetof(struct acctring_link_page, magic), "magic");
	not_the_epoch(&h, offsetof(struct acctring_link_page, epoch), "epoch");
	while_read(&h, seed, (unsigned int)strtoul(argv[2], NULL, 0));
	hostile_close(&h);
	return failures != 0;
}
