/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * quota.h - what VMs may make driver domains spend, as people said: by command,
 * which the ledger keeps, or in the configuration, above which commands stand.
 * Pure.
 */
#ifndef ACCOUNTANT_QUOTA_H
#define ACCOUNTANT_QUOTA_H

#include "common/domtext.h"

#include <stddef.h>

#define QUOTAS_MAX 4096u

struct quota {
	char vm[DOMTEXT];
	char driver[DOMTEXT]; /* "": all driver domains together */
	uint64_t ppm; /* of a CPU; 0: not any more, and to be written */
	bool dirty; /* not in the ledger yet */
};

struct quotas {
	struct quota *item;
	unsigned int n;
};

/* Who a domain is, whichever way it is named. */
struct quota_domain {
	const uint8_t *uuid;
	unsigned int domid;
	const char *name;
};

/* Sets, or with 0 clears.  false: no memory, or too many. */
bool quota_set(struct quotas *q, const char *vm, const char *driver, uint64_t ppm);
/* As the ledger has it. */
bool quota_load(struct quotas *q, const char *vm, const char *driver, uint64_t ppm);
/* All is in the ledger. */
void quota_clean(struct quotas *q);
void quota_free(struct quotas *q);
/* Limit of the VM at that driver domain, or at all together (NULL); NULL: none. */
const struct quota *quota_find(const struct quotas *q, const struct quota_domain *vm,
			       const struct quota_domain *driver);

#endif
