/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domains.h - the domains that live, as the hypervisor says.
 */
#ifndef COLLECTOR_DOMAINS_H
#define COLLECTOR_DOMAINS_H

#include "common/xenctrl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xenstore.h>

#define DOMAIN_NAME 64

struct domain {
	uint16_t domid;
	uint8_t uuid[16];
	uint64_t cpu_ns;
	uint32_t pool; /* cpupool */
	unsigned int vcpus;
	bool paused;
	bool stopped; /* paused, or shut down */
	char name[DOMAIN_NAME]; /* "" while it has none; no blanks */
};

struct domains {
	struct domain *domain; /* by domid */
	size_t n;
	uint64_t t_ns; /* CLOCK_MONOTONIC when cpu_ns was read */
};

/*
 * Reads into *now; names come from *before (may be NULL) or the store.
 * Dying domains are left out.  0 or -errno.
 */
int domains_read(struct domains *now, const struct domains *before, xc_interface *xc,
		 struct xs_handle *xsh);
void domains_free(struct domains *d);

/* CPU time of the domain, also when it is dying; false: it is not there. */
bool domain_cpu(xc_interface *xc, uint16_t domid, const uint8_t uuid[16], uint64_t *ns);

const struct domain *domains_get(const struct domains *d, uint16_t domid);
/* The domain still is who it was. */
const struct domain *domains_same(const struct domains *d, uint16_t domid, const uint8_t uuid[16]);
const struct domain *domains_by_uuid(const struct domains *d, const uint8_t uuid[16]);
/* By what stands in a configuration: domid, UUID or name. */
const struct domain *domains_find(const struct domains *d, const char *text);
/* The same domains in both. */
bool domains_equal(const struct domains *a, const struct domains *b);

#endif
