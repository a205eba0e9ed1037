/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owed.h - the debts of VMs, from the collector of this dom0.
 */
#ifndef TOOLS_OWED_H
#define TOOLS_OWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct owed_vm {
	char uuid[40];
	uint64_t debt_ns;
};

/* None: no collector answers, or no debt is collected. */
struct owed {
	struct owed_vm *vm;
	size_t n;
};

void owed_read(struct owed *o);
void owed_free(struct owed *o);
bool owed_of(const struct owed *o, const char *uuid, uint64_t *debt_ns);

#endif
