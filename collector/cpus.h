/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cpus.h - the CPUs of the host: on which a domain may run, and how long those
 * of a cpupool were idle.
 */
#ifndef COLLECTOR_CPUS_H
#define COLLECTOR_CPUS_H

#include "common/xenctrl.h"

#include <stdbool.h>
#include <stdint.h>

#define CPUS_MAX 4096u
#define CPUS_BYTES (CPUS_MAX / 8)

/* A bit for each CPU of the pool to which some vCPU is not denied; 0 or -errno. */
int cpus_of_domain(xc_interface *xc, uint16_t domid, unsigned int vcpus, uint32_t pool,
		   uint8_t map[CPUS_BYTES]);
int cpus_of_pool(xc_interface *xc, uint32_t pool, uint8_t map[CPUS_BYTES]);

/* Idle time of those CPUs since the host booted, and how many they are; 0 or -errno. */
int cpus_idle(xc_interface *xc, const uint8_t map[CPUS_BYTES], uint64_t *idle_ns,
	      unsigned int *cpus);

/*
 * How many vCPUs of it run or want to, at this moment; *waits: some of them does not.  Of a domain
 * that is paused or was shut down this says nothing.
 */
unsigned int cpus_wanted(xc_interface *xc, uint16_t domid, unsigned int vcpus, bool *waits);

#endif
