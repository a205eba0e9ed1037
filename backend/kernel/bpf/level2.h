/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * level2.h - whose time it was, by our programs in the kernel: all that the
 * hypervisor let this domain run, to the nanosecond.  docs/kernel-backends.md.
 */
#ifndef BPF_LEVEL2_H
#define BPF_LEVEL2_H

#include <stdio.h>

#include "backend/kernel/kernel.h"

/* k->level2, or NULL, and k->level1 says why. */
void level2_open(struct kernel *k);
/* Logs what it has to do without. */
void level2_say(const struct kernel *k);
void level2_close(struct kernel *k);
/* After devices, threads or processes were looked for: what is known of them may be wrong. */
void level2_look(struct kernel *k);
/* What was burned since the last time: to devices, processes, this domain. */
void level2_gather(struct kernel *k);

/* For people and scripts: lines "#pool<TAB>name<TAB>ns" of this domain's own work and of nobody's. */
void level2_print(const struct kernel *k, FILE *f);
/* What the programs burned, and how often they ran; about. */
void level2_cost(const struct kernel *k, uint64_t *ns, uint64_t *runs);
/* Which parts there are, for --list, without loading any. */
void level2_list(const struct kernel *k);

#endif
