/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/budget.h"

#include "accountant/domains.h"
#include "accountant/limits.h"
#include "common/clock.h"
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>

bool bucket_take(struct bucket *b, unsigned int burst, unsigned int every_ms, uint64_t now_ms)
{
	uint64_t end = now_ms + (uint64_t)burst * every_ms; /* full also when time begins */

	if (b->spent_ms < now_ms)
		b->spent_ms = now_ms;
	if (b->spent_ms + every_ms > end)
		return false;
	b->spent_ms += every_ms;
	return true;
}

bool budget_attempt(struct budget *b, uint64_t now)
{
	return bucket_take(&b->attempts, ATTEMPT_BURST, ATTEMPT_EVERY_MS, now);
}

bool budget_rows(struct budget *b, uint64_t now)
{
	return bucket_take(&b->rows, ROWS_BURST, ROWS_EVERY_MS, now);
}

void domain_warn(struct domain *d, const char *fmt, ...)
{
	struct budget *b = &d->budget;
	char text[512];
	va_list ap;

	if (!bucket_take(&b->lines, LINE_BURST, LINE_EVERY_MS, now_ms())) {
		b->unsaid++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (b->unsaid)
		log_warn("%s (domain %u: %u lines like this were left out)", text, d->domid,
			 b->unsaid);
	else
		log_warn("%s", text);
	b->unsaid = 0;
}
