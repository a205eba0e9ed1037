/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/rules.h"

#include <stdlib.h>
#include <string.h>

bool rules_add(struct rules *r, const struct rule *rule)
{
	struct rule *grown;

	if (r->vms == RULES_MAX)
		return false;
	grown = realloc(r->vm, (r->vms + 1u) * sizeof(*grown));
	if (!grown)
		return false;
	r->vm = grown;
	r->vm[r->vms++] = *rule;
	return true;
}

void rules_free(struct rules *r)
{
	free(r->vm);
	memset(r, 0, sizeof(*r));
}

unsigned int rules_find(const struct rules *r, const uint8_t uuid[16], unsigned int domid,
			const char *name)
{
	for (unsigned int i = 0; i < r->vms; i++)
		if (domtext_is(r->vm[i].vm, uuid, domid, name))
			return i + 1;
	return 0;
}

const struct policy *rules_policy(const struct rules *r, unsigned int number)
{
	return number && number <= r->vms ? &r->vm[number - 1].policy : NULL;
}

unsigned int rules_weight(const struct rules *r, unsigned int number)
{
	return number && number <= r->vms ? r->vm[number - 1].weight : WEIGHT_PRESET;
}
