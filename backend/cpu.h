/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cpu.h - what a call that may wait has really burned.  What is billed is
 * work, not waiting: such a call is outside the span.
 */
#ifndef BACKEND_CPU_H
#define BACKEND_CPU_H

#include <stdint.h>
#include <time.h>

/* The thread's CPU clock. */
static inline uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
