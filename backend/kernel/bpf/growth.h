/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.h - by how much each sum of the kernel's has grown since it was last
 * read.  Pure.
 */
#ifndef BPF_GROWTH_H
#define BPF_GROWTH_H

#include <stdint.h>

#include "backend/kernel/bpf/shared.h"

#define GROWTH_BUCKETS 1024u

struct grown {
	struct grown *next; /* of its bucket */
	struct grown *later; /* of those that grew */
	struct bpf_key key;
	struct bpf_sum last; /* as it was read */
	struct bpf_sum by; /* in this period */
	unsigned int still; /* periods without growth */
	/* for who reads them: */
	const char *pool; /* what it was found to be, NULL: nothing yet */
	uint64_t held; /* ns that wait until it is known */
	unsigned int waits; /* periods */
	uint64_t clock; /* its process's, when last read; 0: not yet */
};

struct growth {
	struct grown *bucket[GROWTH_BUCKETS];
	struct grown *first; /* that grew in this period */
	unsigned int n;
};

/* Before each period. */
void growth_begin(struct growth *g);
/* What stands there now.  A sum that runs backwards was begun anew.  No memory: nothing. */
void growth_take(struct growth *g, const struct bpf_key *key, const struct bpf_sum *now);
/*
 * Forgets what has not grown in `periods` periods, and calls `forgotten` for it.
 * After all were taken.
 */
typedef void growth_forgotten(void *arg, const struct bpf_key *key);
void growth_forget(struct growth *g, unsigned int periods, growth_forgotten *forgotten, void *arg);
void growth_free(struct growth *g);

#endif
