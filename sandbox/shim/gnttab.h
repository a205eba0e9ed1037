/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handles behind libxengnttab. */
#ifndef SANDBOX_SHIM_GNTTAB_H
#define SANDBOX_SHIM_GNTTAB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <xengnttab.h>

#include "sandbox/lib/client.h"
#include "sandbox/shim/shim.h"

struct mapping;
struct shared;

struct xengntdev_handle { /* behind xengnttab_ and xengntshr_ alike */
	struct xsb_client client;
	pid_t owner;
	pthread_mutex_t lock; /* mappings; shares are under their own */
	TAILQ_HEAD(mapping_list, mapping) mappings;
	TAILQ_ENTRY(xengntdev_handle) link;
	TAILQ_HEAD(shared_list, shared) shares;
	bool closed; /* kept for the pages still shared */
};

#endif
