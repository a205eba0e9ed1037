/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What runs in the kernel: at each change of context the time since the last
 * goes to whom the CPU worked for.  Each program is loaded and attached by
 * itself, where its function is; see parts.c.
 */
#include "block.h"
#include "net.h"
#include "tasks.h"
#include "works.h"

/* what the kernel wants to read; the LGPL allows it */
char LICENSE[] SEC("license") = "GPL";
