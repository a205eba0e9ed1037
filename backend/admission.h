/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * admission.h - guests with a limit (acctring_admit_more()): what requests that were taken
 * and not posted will cost, and how soon a guest that was denied is asked again.  Of one
 * thread.
 */
#ifndef BACKEND_ADMISSION_H
#define BACKEND_ADMISSION_H

#include <stdint.h>

#define ADMISSION_EACH_NS 1000000000u /* ns: who has a limit has one taken, until one was posted */
/* To ask costs, and the guest pays for that, too. */
#define ADMISSION_FIRST_MS 1u
#define ADMISSION_MOST_MS 8u

#define ADMISSION_ANY ((uint64_t)1 << 61) /* so much pending only who has no limit may have */

/* Of a queue; zeroed: new. */
struct admission {
	uint64_t each; /* what a request costs, ns, smoothed */
	unsigned int wait_ms; /* between two questions; 0: it is not denied */
};

/* ns of so many requests. */
static inline uint64_t admission_pending(const struct admission *a, unsigned int requests)
{
	return requests * (a->each ? a->each : ADMISSION_EACH_NS);
}

/* One has cost so much. */
static inline void admission_learn(struct admission *a, uint64_t ns)
{
	a->each = a->each ? a->each - a->each / 8 + ns / 8 : ns;
}

/* It was served: who is denied next is asked again soon. */
static inline void admission_served(struct admission *a)
{
	a->wait_ms = 0;
}

/* It was denied: in so many ms it is to be asked again. */
static inline unsigned int admission_wait(const struct admission *a)
{
	return a->wait_ms ? a->wait_ms : ADMISSION_FIRST_MS;
}

/* And was denied again after that. */
static inline void admission_denied(struct admission *a)
{
	a->wait_ms = admission_wait(a) * 2;
	if (a->wait_ms > ADMISSION_MOST_MS)
		a->wait_ms = ADMISSION_MOST_MS;
}

#endif
