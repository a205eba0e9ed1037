/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owncpu.h - the CPU time of domains themselves, by the hypervisor: in dom0
 * only.  Elsewhere nothing is known, and that is no error.
 */
#ifndef TOOLS_OWNCPU_H
#define TOOLS_OWNCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct owncpu_domain {
	uint16_t domid;
	char uuid[40];
	uint64_t cpu_ns;
};

struct owncpu {
	uint64_t t_ns;
	struct owncpu_domain *domain;
	size_t domains; /* 0: not known here */
};

struct owncpu_handle;
/* NULL where Xen does not let us. */
struct owncpu_handle *owncpu_open(void);
void owncpu_close(struct owncpu_handle *h);
void owncpu_read(struct owncpu_handle *h, struct owncpu *now);
void owncpu_free(struct owncpu *o);
/* Percent of one CPU between the two; false: not known. */
bool owncpu_percent(const struct owncpu *before, const struct owncpu *now, uint64_t domid,
		    const char *uuid, double *percent);

#endif
