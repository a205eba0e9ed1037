/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - the host's policy, and those of single VMs.  Pure.
 */
#ifndef ACCOUNTANT_RULES_H
#define ACCOUNTANT_RULES_H

#include "accountant/policy.h"
#include "common/domtext.h"

#include <stddef.h>

#define RULES_MAX 1024u

struct rule {
	char vm[DOMTEXT];
	struct policy policy;
	unsigned int weight; /* of a share of the driver domain; 0: never limited */
};

#define WEIGHT_PRESET 256u

struct rules {
	struct policy host;
	struct rule *vm;
	unsigned int vms;
};

/* false: no memory, or too many. */
bool rules_add(struct rules *r, const struct rule *rule);
void rules_free(struct rules *r);
/* Number of the VM's rule, for rules_policy(); 0: it has none of its own. */
unsigned int rules_find(const struct rules *r, const uint8_t uuid[16], unsigned int domid,
			const char *name);
const struct policy *rules_policy(const struct rules *r, unsigned int number);
unsigned int rules_weight(const struct rules *r, unsigned int number);

#endif
