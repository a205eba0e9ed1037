/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Process trees, for the broker and for the init of a domain. */
#ifndef SANDBOX_BROKER_PROCS_H
#define SANDBOX_BROKER_PROCS_H

#include "sandbox/broker/broker.h"

/* root, then its descendants; more than max returned: some were left out. */
size_t procs_tree(pid_t root, pid_t *pid, size_t max);
/* SIGKILLs all descendants of root, not root, and waits until they are dead. */
void procs_kill_below(pid_t root);

#endif
