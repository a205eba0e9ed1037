/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owed.c - see owed.h.
 */
#include "tools/owed.h"

#include "common/kv.h"
#include "tools/ask.h"

#include <stdlib.h>
#include <string.h>

static bool parse(const char *line, struct owed_vm *vm)
{
	char state[16];

	return kv_is_v1(line) && kv_get(line, "uuid", vm->uuid, sizeof(vm->uuid)) &&
	       kv_get(line, "state", state, sizeof(state)) && !strcmp(state, "on") &&
	       kv_u64(line, "debt_ns", INT64_MAX, &vm->debt_ns);
}

void owed_read(struct owed *o)
{
	struct owed_vm vm, *grown;
	char line[1024];
	struct ask a;

	memset(o, 0, sizeof(*o));
	if (ask(&a, "show"))
		return;
	while (!strcmp(a.first, " mode=debt") && fgets(line, sizeof(line), a.in)) {
		line[strcspn(line, "\n")] = '\0';
		grown = parse(line, &vm) ? reallocarray(o->vm, o->n + 1, sizeof(*grown)) : NULL;
		if (!grown)
			continue;
		o->vm = grown;
		o->vm[o->n++] = vm;
	}
	ask_end(&a);
}

void owed_free(struct owed *o)
{
	free(o->vm);
	memset(o, 0, sizeof(*o));
}

bool owed_of(const struct owed *o, const char *uuid, uint64_t *debt_ns)
{
	size_t i;

	for (i = 0; i < o->n; i++) {
		if (strcmp(o->vm[i].uuid, uuid) != 0)
			continue;
		*debt_ns = o->vm[i].debt_ns;
		return true;
	}
	return false;
}
