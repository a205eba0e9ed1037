/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bill_backend - a backend that burns known work for the VMs 2, 3, 4 (docs/method.md, T2): a poll costs
 * 25 units, a request that is received 5, one that is sent 50; what is on a bill is compared with that.
 * A thread for all, on one lane, or one for each VM.
 *
 *	bill_backend LOAD SECONDS SEED VMS OUT
 *
 * VMS: of 2, 3, 4, those that are there, e.g. 24.  OUT: a line each 100 ms, of the thread for all:
 * its CPU ns, units of own work in the domain, then for each VM: sent, received, KiB, 1/k polls
 * (of PARTITION_BATCH), ns of spans, units.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/partition.h"

#include <acctring/acctring.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VMS 3u
#define ROUND_NS 20000000u
#define ROW_NS 100000000u
#define SLOT 10u /* rounds that a VM is as busy as it is */
#define UNIT 3600u /* steps; about 4 us */
#define POLL 25u
#define RECEIVE 5u
#define SEND 50u

enum load { STEADY, ONOFF, TIED, SPARSE, OWN, DIRECT, LOADS };
static const char *const names[LOADS] = { "steady", "onoff", "tied", "sparse", "own", "direct" };

struct served {
	uint64_t sent, received, kib, batch, span_ns, units;
};

struct run {
	enum load load;
	uint64_t end_ns, seed;
	bool here[VMS];
	int payer[VMS];
	struct acctring *ring;
	FILE *out;
	uint64_t own_units; /* burned by the other thread */
	uint64_t own_wanted;
};

struct worker {
	struct run *run;
	unsigned int first, last; /* VMs */
};

static const unsigned int kib[VMS] = { 4, 1, 2 }; /* of a request; costs nothing by itself */

static volatile uint64_t sink;

static void burn(uint64_t units)
{
	uint64_t x = sink;

	for (uint64_t i = units * UNIT; i; i--)
		x = x * 6364136223846793005u + 1442695040888963407u;
	sink = x;
}

static uint64_t rnd(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u ^ a * 0xbf58476d1ce4e5b9u ^ b * 0x94d049bb133111ebu;

	for (int i = 0; i < 3; i++) {
		x ^= x >> 30;
		x *= 0xbf58476d1ce4e5b9u;
	}
	return x ^ x >> 31;
}

/* What VM v asks for in a round. */
static void demand(const struct run *r, unsigned int v, uint64_t round, unsigned int *sent,
		   unsigned int *received)
{
	static const unsigned int steady[VMS][2] = { { 0, 60 }, { 6, 0 }, { 2, 20 } };
	uint64_t x = rnd(r->seed, v + 1, round / SLOT);

	*sent = *received = 0;
	if (!r->here[v])
		return;
	switch (r->load) {
	case STEADY:
	case DIRECT:
		*sent = steady[v][0];
		*received = steady[v][1];
		break;
	case ONOFF:
	case OWN:
		*sent = x & 1 ? steady[v][0] : 0;
		*received = x & 1 ? steady[v][1] : 0;
		break;
	case TIED: /* ten are received for each that is sent */
		*sent = (unsigned int)(x % 5);
		*received = *sent * 10;
		break;
	default: /* a flood, one frame a round, one that is sent each fourth */
		*sent = v == 2 && round % 4 == 0;
		*received = v == 0 ? 200 : v == 1;
	}
}

static uint64_t span(uint64_t units)
{
	uint64_t began = now_ns();

	burn(units);
	return now_ns() - began;
}

static void post(struct run *r, struct acctring_lane *l, unsigned int v, unsigned int klass,
		 unsigned int units, uint64_t ns)
{
	const struct acctring_cost c = { .ns = ns,
					 .units = (uint16_t)units,
					 .bytes = units * kib[v] * 1024,
					 .payer = (uint16_t)r->payer[v],
					 .klass = (uint8_t)klass };

	if (units && acctring_post(l, &c))
		die(EXIT_RUNTIME, "post");
}

/* Its span is that of its requests, and its part of the poll's. */
static void serve(struct run *r, struct acctring_lane *l, unsigned int v, unsigned int sent,
		  unsigned int received, uint64_t poll_ns, struct served *s)
{
	uint64_t tx = span((uint64_t)sent * SEND), rx = span((uint64_t)received * RECEIVE);

	if (sent)
		tx += poll_ns;
	else
		rx += poll_ns;
	post(r, l, v, ACCTRING_CLASS_TX, sent, tx);
	post(r, l, v, ACCTRING_CLASS_RX, received, rx);
	s->sent += sent;
	s->received += received;
	s->kib += (uint64_t)(sent + received) * kib[v];
	s->span_ns += tx + rx;
	s->units += (uint64_t)sent * SEND + (uint64_t)received * RECEIVE;
}

static uint64_t round_of(struct run *r, struct acctring_lane *l, const struct worker *w,
			 uint64_t round, struct served served[VMS])
{
	unsigned int sent[VMS], received[VMS], k = 0;
	uint64_t poll_ns, own = 0;

	for (unsigned int v = w->first; v <= w->last; v++) {
		demand(r, v, round, &sent[v], &received[v]);
		k += sent[v] || received[v];
	}
	if (!k)
		return 0;
	poll_ns = span(POLL) / k;
	for (unsigned int v = w->first; v <= w->last; v++) {
		if (!sent[v] && !received[v])
			continue;
		serve(r, l, v, sent[v], received[v], poll_ns, &served[v]);
		served[v].batch += PARTITION_BATCH / k;
		if (v == 0)
			own = (uint64_t)sent[v] * SEND + (uint64_t)received[v] * RECEIVE;
	}
	return own / 2;
}

static void row(struct run *r, uint64_t cpu, uint64_t own, const struct served s[VMS])
{
	fprintf(r->out, "%" PRIu64 "\t%" PRIu64, cpu, own);
	for (unsigned int v = 0; v < VMS; v++) {
		/* of a poll of k a k-th */
		uint64_t units = s[v].units + s[v].batch * POLL / PARTITION_BATCH;

		fprintf(r->out,
			"\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
			"\t%" PRIu64,
			s[v].sent, s[v].received, s[v].kib, s[v].batch, s[v].span_ns, units);
	}
	fputc('\n', r->out);
}

static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct run *r = w->run;
	struct served s[VMS] = { 0 };
	struct acctring_lane *l = r->load == DIRECT
					  ? acctring_lane_open_basis(r->ring, ACCTRING_BASIS_DIRECT)
					  : acctring_lane_open(r->ring);
	uint64_t next = now_ns(), next_row = next + ROW_NS, cpu = thread_ns(), own = 0;

	if (!l)
		die(EXIT_RUNTIME, "no lane");
	for (uint64_t round = 0; now_ns() < r->end_ns; round++) {
		uint64_t more = round_of(r, l, w, round, s);

		if (r->load == OWN) {
			own += more;
			__atomic_fetch_add(&r->own_wanted, more, __ATOMIC_RELAXED);
		}
		next += ROUND_NS;
		sleep_until(next);
		if (r->load == DIRECT || next < next_row)
			continue;
		row(r, thread_ns() - cpu, own, s);
		cpu = thread_ns();
		next_row += ROW_NS;
		memset(s, 0, sizeof(s));
		own = 0;
	}
	if (r->load != DIRECT)
		row(r, thread_ns() - cpu, own, s);
	else
		fprintf(r->out, "%u\t%" PRIu64 "\n", 2 + w->first, thread_ns() - cpu);
	acctring_lane_close(l);
	return NULL;
}

/* The domain's own work, that follows the first VM's. */
static void *own_work(void *arg)
{
	struct run *r = arg;

	while (now_ns() < r->end_ns) {
		uint64_t n = __atomic_exchange_n(&r->own_wanted, 0, __ATOMIC_RELAXED);

		burn(n);
		sleep_until(now_ns() + ROUND_NS);
	}
	return NULL;
}

static void start(struct run *r, pthread_t thread[VMS + 1], struct worker w[VMS])
{
	unsigned int n = r->load == DIRECT ? VMS : 1;
	bool ok = true;

	for (unsigned int i = 0; i < n; i++) {
		w[i] = (struct worker){ r, i, n == 1 ? VMS - 1 : i };
		ok &= !pthread_create(&thread[i], NULL, work, &w[i]);
	}
	ok &= !pthread_create(&thread[VMS], NULL, own_work, r);
	if (!ok)
		die(EXIT_RUNTIME, "no threads");
	for (unsigned int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	pthread_join(thread[VMS], NULL);
}

int main(int argc, char **argv)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct run r = { .load = LOADS };
	pthread_t thread[VMS + 1];
	struct worker w[VMS];

	for (unsigned int i = 0; argc == 6 && i < LOADS; i++)
		if (strcmp(argv[1], names[i]) == 0)
			r.load = i;
	if (r.load == LOADS)
		die(EXIT_USAGE, "usage: bill_backend LOAD SECONDS SEED VMS OUT");
	r.out = fopen(argv[5], "we");
	r.ring = acctring_open(&o);
	if (!r.ring || !r.out)
		die(EXIT_RUNTIME, "%s: cannot be made, or no ring", argv[5]);
	r.seed = strtoull(argv[3], NULL, 0);
	for (unsigned int v = 0; v < VMS; v++) {
		r.here[v] = strchr(argv[4], (int)('2' + v)) != NULL;
		r.payer[v] = acctring_payer_open(r.ring, 2 + v, ACCTRING_KIND_VIF, 0);
	}
	r.end_ns = now_ns() + strtoull(argv[2], NULL, 0) * 1000000000u;
	start(&r, thread, w);
	if (acctring_close(r.ring, 10000))
		die(EXIT_RUNTIME, "not all was committed");
	return fclose(r.out) ? EXIT_RUNTIME : 0;
}
