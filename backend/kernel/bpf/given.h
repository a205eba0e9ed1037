/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * given.h - who sent what guests were given, by the kernel's counts: told to
 * the receivers (senders.h).
 */
#ifndef BPF_GIVEN_H
#define BPF_GIVEN_H

#include <stdbool.h>

#include "backend/kernel/bpf/growth.h"
#include "backend/kernel/bpf/load.h"
#include "backend/kernel/bpf/whose.h"

struct given {
	struct growth growth;
	bool failed; /* and it was said */
};

/* Of a period. */
void given_gather(struct given *g, struct bpf_load *load, const struct whose *w);
void given_free(struct given *g);

#endif
