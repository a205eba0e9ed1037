/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_backend - posts costs that follow from a seed, writes into its oracle
 * page before and after each post, and waits to be killed.  SIGTERM: closes
 * its link properly.
 *
 *	kill_backend ORACLE SEED INDEX LANES ACCOUNTANT
 *
 * ORACLE is a file; or grant:DOMID, a page that this domain maps, so that what
 * stood there outlives us.  "oracle REFERENCE" is printed then.
 */
#include "tests/prog/kill.h"

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xengnttab.h>

static struct kill_oracle *oracle;
static struct acctring *ring;
static uint64_t seed;
static uint32_t index_;
static int payer[KILL_LANES][KILL_PAYERS];
static int stop;

static void nap(uint64_t ns)
{
	struct timespec t = { 0, (long)ns };

	nanosleep(&t, NULL);
}

/*
 * A kill nearly always falls into a nap.  So that it also meets what is in
 * flight, posts now and then take long: before they are made (`started`, not in the
 * ledger) or after, before the oracle knows (`done + 1` in the ledger).
 */
static void linger(uint64_t r)
{
	if (r % 256 < 3)
		nap(1000000 + (r >> 8 & 0xffffff));
}

static void *post(void *arg)
{
	uint32_t lane = (uint32_t)(uintptr_t)arg;
	struct kill_lane *o = &oracle->lane[lane];
	struct acctring_lane *l = acctring_lane_open(ring);
	uint64_t r = seed ^ index_ ^ (uint64_t)lane << 50;

	if (!l)
		err(1, "acctring_lane_open");
	for (uint64_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		struct acctring_cost c = kill_cost(seed, index_, lane, i);

		c.payer = (uint16_t)payer[lane][c.payer];
		__atomic_store_n(&o->started, i + 1, __ATOMIC_RELEASE);
		linger(kill_random(r ^ i << 1));
		if (acctring_post(l, &c))
			errx(1, "acctring_post");
		linger(kill_random(~(r ^ i << 1)));
		__atomic_store_n(&o->done, i + 1, __ATOMIC_RELEASE);
		/* bursts of some hundred, longer than the ring now and then */
		if (i % 64 == 0 && (kill_random(r + i) & 7) != 0)
			nap(500000 + (kill_random(r ^ i) & 0xffffff));
	}
	acctring_lane_close(l);
	return NULL;
}

static void count(void)
{
	struct acctring_stats s = { .size = sizeof(s) };

	if (acctring_stats(ring, &s))
		return;
	__atomic_store_n(&oracle->epoch, s.epoch, __ATOMIC_RELEASE);
	__atomic_store_n(&oracle->spilled, s.spilled, __ATOMIC_RELAXED);
	__atomic_store_n(&oracle->recorded, s.recorded, __ATOMIC_RELAXED);
}

static void open_link(uint32_t lanes, int accountant)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	const char *payers = getenv("KILL_PAYER"); /* domid of the first */
	unsigned int first = payers ? (unsigned int)atoi(payers) : 2;

	o.program = "kill_backend";
	o.lanes = lanes;
	o.ring_pages = 1;
	o.accountant = accountant;
	ring = acctring_open(&o);
	if (!ring)
		err(1, "acctring_open");
	for (uint32_t l = 0; l < lanes; l++)
		for (uint32_t p = 0; p < KILL_PAYERS; p++) {
			payer[l][p] = acctring_payer_open(ring, first + p, ACCTRING_KIND_VBD,
							  kill_device(index_, l, p));
			if (payer[l][p] < 0)
				errx(1, "acctring_payer_open: %d", payer[l][p]);
		}
}

static void *share_oracle(unsigned int domid)
{
	xengntshr_handle *h = xengntshr_open(NULL, 0);
	uint32_t ref;
	void *page = h ? xengntshr_share_pages(h, domid, 1, &ref, 0) : NULL;

	if (!page)
		err(1, "grant");
	printf("oracle %u\n", ref);
	fflush(stdout);
	return page;
}

static void *open_oracle(const char *name)
{
	void *page;
	int fd;

	if (!strncmp(name, "grant:", 6))
		return share_oracle((unsigned int)atoi(name + 6));
	fd = open(name, O_RDWR);
	page = mmap(NULL, sizeof(*oracle), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || page == MAP_FAILED)
		err(1, "%s", name);
	return page;
}

int main(int argc, char **argv)
{
	pthread_t thread[KILL_LANES];
	struct timespec often = { 0, 20000000 };
	sigset_t set;
	uint32_t lanes;

	if (argc != 6)
		errx(2, "usage: kill_backend ORACLE SEED INDEX LANES ACCOUNTANT");
	oracle = open_oracle(argv[1]);
	seed = strtoull(argv[2], NULL, 0);
	index_ = (uint32_t)strtoul(argv[3], NULL, 0);
	lanes = (uint32_t)strtoul(argv[4], NULL, 0);
	if (lanes < 1 || lanes > KILL_LANES)
		errx(2, "LANES: 1..%u", KILL_LANES);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	open_link(lanes, atoi(argv[5]));
	oracle->lanes = lanes;
	count();
	for (uint32_t l = 0; l < lanes; l++)
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		if (pthread_create(&thread[l], NULL, post, (void *)(uintptr_t)l))
			errx(1, "pthread_create");
	while (sigtimedwait(&set, NULL, &often) != SIGTERM)
		count();
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (uint32_t l = 0; l < lanes; l++)
		pthread_join(thread[l], NULL);
	count();
	if (acctring_close(ring, 20000) != 0)
		errx(1, "acctring_close: posts not committed in 20 s");
	__atomic_store_n(&oracle->closed, 1, __ATOMIC_RELEASE);
	return 0;
}
