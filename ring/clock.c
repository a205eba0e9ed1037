/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cycle counter and its scale.  The x86 counter is taken only where the
 * processor says that it ticks at one rate in all states; else nanoseconds.
 */
#include "ring/link.h"

#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define SHIFT 32u
#define TRIES 5

uint64_t acctring__clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Cycles that take ns; saturates.  The scale may be a peer's: mult may be 0. */
uint64_t clock_cycles(uint64_t mult, uint32_t shift, uint64_t ns)
{
	__extension__ typedef unsigned __int128 wide;
	wide cycles;

	if (!mult)
		return 0;
	cycles = ((wide)ns << shift) / mult;
	return cycles >> 63 ? (uint64_t)1 << 63 : (uint64_t)cycles;
}

#if defined(__x86_64__)
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t tsc_mult;

static bool tsc_invariant(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);
}

/* Both clocks at one moment: of some tries the one that took least. */
static void both(uint64_t *ns, uint64_t *tsc)
{
	uint64_t before, at, took, best = ~(uint64_t)0;
	int i;

	for (i = 0; i < TRIES; i++) {
		before = __builtin_ia32_rdtsc();
		at = acctring__clock();
		took = __builtin_ia32_rdtsc() - before;
		if (took >= best)
			continue;
		best = took;
		*ns = at;
		*tsc = before + took / 2;
	}
}

static void calibrate(void)
{
	const struct timespec nap = { 0, 10000000 };
	__extension__ typedef unsigned __int128 wide;
	uint64_t ns0 = 0, ns1 = 0, tsc0 = 0, tsc1 = 0;

	if (!tsc_invariant())
		return;
	both(&ns0, &tsc0);
	nanosleep(&nap, NULL);
	both(&ns1, &tsc1);
	if (ns1 > ns0 && tsc1 > tsc0)
		tsc_mult = (uint64_t)(((wide)(ns1 - ns0) << SHIFT) / (tsc1 - tsc0));
}
#endif

void clock_calibrate(uint32_t *counter, uint64_t *mult, uint32_t *shift)
{
	*counter = ACCTRING_COUNTER_NS;
	*mult = 1;
	*shift = 0;
#if defined(__x86_64__)
	pthread_once(&once, calibrate);
	if (tsc_mult) {
		*counter = ACCTRING_COUNTER_TSC;
		*mult = tsc_mult;
		*shift = SHIFT;
	}
#elif defined(__aarch64__)
	{
		uint64_t hz;

		__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
		if (hz) {
			*counter = ACCTRING_COUNTER_CNTVCT;
			*mult = ((uint64_t)1000000000u << 24) / hz;
			*shift = 24;
		}
	}
#endif
}
