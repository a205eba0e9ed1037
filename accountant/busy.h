/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * busy.h - how long the CPUs of our own domain were not idle, as its kernel saw it.
 *
 * Clocks of threads run on while the hypervisor runs another domain on the CPU of one that did
 * not stop by itself (steal; only kernels with CONFIG_PARAVIRT_TIME_ACCOUNTING take it out,
 * Debian's have it not).  So does this: time less idle time, of all
 * CPUs, contains what threads claim with their steal, and what no thread
 * claims (interrupts, other programs).  Beside it the hypervisor says what was run of it.
 */
#ifndef ACCOUNTANT_BUSY_H
#define ACCOUNTANT_BUSY_H

#include <stdbool.h>
#include <stdint.h>

#define BUSY_PROC "ACCTRING_PROC" /* environment: where `stat` is, if not in /proc */

#define BUSY_CPUS 4096u /* with more it is not known */

struct busy {
	uint64_t at_ns, idle_ns;
	unsigned int cpus; /* 0: not read yet */
};

/* ns since the last call, of all CPUs; false: not known, as the first time. */
bool busy_grown(struct busy *b, const char *proc, uint64_t now_ns, uint64_t *ns);

#endif
