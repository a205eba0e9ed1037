/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * devmap.h - whose a block device is: sysfs says who is on top of it, the
 * store which devices are disks of VMs.  Pure, but for the tree it reads.
 */
#ifndef PROCESS_DEVMAP_H
#define PROCESS_DEVMAP_H

#include <stdbool.h>
#include <stdint.h>

/* A disk of a VM, and the block device that its backend has opened. */
struct devmap_use {
	uint32_t major, minor;
	unsigned int domid; /* who pays for it */
	void *disk; /* the caller's */
};

/* Whoever was found on the way. */
struct devmap_seen {
	bool *use; /* of each of the map's */
	bool host; /* somebody who is no VM, or who cannot be told */
};

struct devmap {
	const char *sys; /* "/sys" */
	const struct devmap_use *use;
	unsigned int uses;
	struct devmap_seen *seen; /* NULL: not of interest */
};

/*
 * The VM that alone uses the block device ("253:0" or "md0"), by its first
 * disk.  NULL: nobody, several, the host too, or it cannot be told.
 */
const struct devmap_use *devmap_owner(const struct devmap *m, const char *block);

/* It is known that no VM uses it. */
bool devmap_is_host(const struct devmap *m, const char *block);

/* "fd:c", as hotplug scripts write physical-device: hexadecimal. */
bool parse_physical(const char *text, uint32_t *major, uint32_t *minor);

#endif
