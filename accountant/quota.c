/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct quota *exact(struct quotas *q, const char *vm, const char *driver)
{
	for (unsigned int i = 0; i < q->n; i++)
		if (!strcmp(q->item[i].vm, vm) && !strcmp(q->item[i].driver, driver))
			return &q->item[i];
	return NULL;
}

static bool put(struct quotas *q, const char *vm, const char *driver, uint64_t ppm, bool dirty)
{
	struct quota *x = exact(q, vm, driver), *grown;

	if (!x) {
		if (q->n == QUOTAS_MAX)
			return false;
		grown = realloc(q->item, (q->n + 1u) * sizeof(*grown));
		if (!grown)
			return false;
		q->item = grown;
		x = &q->item[q->n++];
		snprintf(x->vm, sizeof(x->vm), "%s", vm);
		snprintf(x->driver, sizeof(x->driver), "%s", driver);
	}
	x->ppm = ppm;
	x->dirty = dirty;
	return true;
}

bool quota_set(struct quotas *q, const char *vm, const char *driver, uint64_t ppm)
{
	return put(q, vm, driver, ppm, true);
}

bool quota_load(struct quotas *q, const char *vm, const char *driver, uint64_t ppm)
{
	return put(q, vm, driver, ppm, false);
}

void quota_clean(struct quotas *q)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < q->n; i++) {
		if (!q->item[i].ppm)
			continue;
		q->item[n] = q->item[i];
		q->item[n++].dirty = false;
	}
	q->n = n;
}

void quota_free(struct quotas *q)
{
	free(q->item);
	memset(q, 0, sizeof(*q));
}

static bool means(const char *text, const struct quota_domain *d)
{
	return d ? *text && domtext_is(text, d->uuid, d->domid, d->name) : !*text;
}

const struct quota *quota_find(const struct quotas *q, const struct quota_domain *vm,
			       const struct quota_domain *driver)
{
	for (unsigned int i = 0; i < q->n; i++)
		if (q->item[i].ppm && means(q->item[i].vm, vm) && means(q->item[i].driver, driver))
			return &q->item[i];
	return NULL;
}
