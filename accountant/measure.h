/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * measure.h - CPU time: of our domain by the hypervisor, of acctringd.
 */
#ifndef ACCOUNTANT_MEASURE_H
#define ACCOUNTANT_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

struct measure;

/* NULL and errno: no hypercalls here. */
struct measure *measure_open(void);
void measure_close(struct measure *m);
/* CPU time of all our vCPUs, ns.  false and errno. */
bool measure_domain(struct measure *m, uint64_t *ns);
/* The same, with what they waited for a CPU; and how many there are. */
bool measure_wanted(struct measure *m, uint64_t *ns, unsigned int *vcpus);
/* CPU time of this process and of its parent, the holder. */
uint64_t measure_self(void);

#endif
