/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * budget.h - what one driver domain may make us do: attempts to attach, and
 * lines in the log.  So much at once, then one in a while; a hostile one
 * spends it, and then waits by itself.  What is kept is in limits.h, as are the
 * amounts.
 */
#ifndef ACCOUNTANT_BUDGET_H
#define ACCOUNTANT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A token bucket. */
struct bucket {
	uint64_t spent_ms; /* when it will be full again */
};

struct budget {
	struct bucket attempts, lines, rows;
	unsigned int unsaid; /* lines that were not said */
};

/* Pure.  Takes one of `burst` tokens, which come back one each `every_ms`. */
bool bucket_take(struct bucket *b, unsigned int burst, unsigned int every_ms, uint64_t now_ms);

/* To map a link's pages, whatever comes of it. */
bool budget_attempt(struct budget *b, uint64_t now_ms);

/* To look at all its payer rows, since there are new ones. */
bool budget_rows(struct budget *b, uint64_t now_ms);

struct domain;
/* log_warn() of what that domain did; now and then says how much it did not say. */
void domain_warn(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
