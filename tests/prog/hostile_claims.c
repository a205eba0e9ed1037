/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile_claims - pages that keep to the protocol and lie in numbers: a
 * CPU clock beyond all time, on two links with devices of two kinds, and
 * thousands of devices.  What became of it is judged by hostile.t.
 *
 *	hostile_claims SEED LINKS
 *
 * Prints a TAP line for each part; LINKS links of 120 devices each.
 */
#include "tests/prog/hostile_pages.h"

#define DEVICES 120u

static unsigned int failures;

static void result(bool good, const char *what, const char *said)
{
	printf("%s - %s (%s)\n", good ? "ok" : "not ok", what, said);
	failures += !good;
}

/* The clocks of two liars at once would overflow any sum. */
static void clock_beyond_time(struct hostile *h, uint8_t kind)
{
	struct acctring_record *rec;
	const char *got;
	char what[64];

	hostile_make(h);
	h->payers->row[1].kind = kind;
	h->lane->cpu_ns = UINT64_MAX - 5;
	hostile_publish(h);
	got = hostile_outcome(h, false);
	snprintf(what, sizeof(what), "a clock of 2^64-6 ns, kind %u", kind);
	result(!strcmp(got, "attached"), what, got);
	hostile_drop(h);

	/* small enough for the sums, more than the time that passes */
	hostile_make(h);
	h->payers->row[1].kind = kind;
	rec = (void *)h->page[RING_PAGE];
	hostile_publish(h);
	hostile_outcome(h, false);
	for (unsigned int i = 1; i < 10; i++) {
		rec[i].ns = 4000000000u;
		__atomic_store_n(&h->lane->cpu_ns, i * 3600000000000ull, __ATOMIC_RELAXED);
		__atomic_store_n(&h->lane->prod, i + 1, __ATOMIC_RELEASE);
		usleep(60000);
	}
	got = hostile_state(h);
	snprintf(what, sizeof(what), "an hour of CPU each 60 ms, kind %u", kind);
	result(!strcmp(got, "attached"), what, got);
	hostile_drop(h);
}

static void many_devices(struct hostile *h, unsigned int links)
{
	unsigned int attached = 0;
	char said[32];

	for (unsigned int n = 0; n < links; n++) {
		struct acctring_record *rec;

		hostile_make(h);
		rec = (void *)h->page[RING_PAGE];
		for (unsigned int i = 0; i < DEVICES; i++) {
			h->payers->row[1 + i] = (struct acctring_payer_row){
				.domid = HOSTILE_PAYS,
				.kind = (uint8_t)(n * 7 + i),
				.state = ACCTRING_PAYER_OPEN,
				.device = 100000 + n * DEVICES + i,
				.serial = 1 + i,
			};
			rec[i].payer = (uint16_t)(9 + i);
		}
		h->lane->prod = DEVICES;
		hostile_publish(h);
		attached += !strcmp(hostile_outcome(h, false), "attached");
		hostile_drop(h);
	}
	snprintf(said, sizeof(said), "%u attached", attached);
	result(attached == links, "thousands of devices", said);
}

int main(int argc, char **argv)
{
	struct hostile h;

	if (argc != 3)
		errx(2, "usage: hostile_claims SEED LINKS");
	hostile_open(&h, strtoull(argv[1], NULL, 0) + 77);
	clock_beyond_time(&h, ACCTRING_KIND_VIF);
	clock_beyond_time(&h, ACCTRING_KIND_VBD);
	many_devices(&h, (unsigned int)strtoul(argv[2], NULL, 0));
	hostile_close(&h);
	return failures != 0;
}
