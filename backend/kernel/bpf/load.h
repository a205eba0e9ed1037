/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.h - level 2: our programs in the kernel.  What cannot be loaded or
 * attached is left out and named; without the ones that all lean on there is
 * no level 2.
 */
#ifndef BPF_LOAD_H
#define BPF_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/kernel/bpf/shared.h"

struct bpf_load;

/* NULL: there is no level 2 here; why[] says so in a line. */
struct bpf_load *bpf_load_open(char *why, size_t size);
void bpf_load_close(struct bpf_load *b);
/* Attaches what is for modules that came since.  true: there was something. */
bool bpf_load_again(struct bpf_load *b);

/* For each key, summed over all CPUs.  0 or -errno. */
typedef void bpf_each(void *arg, const struct bpf_key *key, const struct bpf_sum *sum);
int bpf_load_read(struct bpf_load *b, bpf_each *each, void *arg);
/* The same for each pair of a sender and a receiver, as BPF_PAIRS says.  None without its part. */
int bpf_load_read_pairs(struct bpf_load *b, bpf_each *each, void *arg);
void bpf_load_forget_pair(struct bpf_load *b, const struct bpf_key *key);
/* Its key begins at 0 when it comes again. */
void bpf_load_forget(struct bpf_load *b, const struct bpf_key *key);

/*
 * The programs' own time is measured in one of MEASURED_OF periods (it costs
 * as much as the programs do) and taken that often.
 */
#define MEASURED_OF 8u
void bpf_load_measure(struct bpf_load *b);
void bpf_load_cost(const struct bpf_load *b, uint64_t *ns, uint64_t *runs);

/* Parts of what is measured, in an order of their own: name, and "yes" or why not. */
bool bpf_load_part(const struct bpf_load *b, unsigned int i, const char **name, const char **says);
/* Without any loading, what this kernel has; says as above. */
bool bpf_probe_part(unsigned int i, const char **name, const char **says);

#endif
