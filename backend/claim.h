/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * claim.h - never two backends on one device: two on a ring destroy a disk.
 */
#ifndef BACKEND_CLAIM_H
#define BACKEND_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The devices of a kind of this domain, for this process until it ends.
 * false: *why says who has them.
 */
bool claim_kind(unsigned int domid, const char *kind, char *why, size_t size);

/*
 * Has the kernel a driver for devices of this kind?  sysfs: "/sys"; *where
 * is the file that says so.
 */
bool claim_kernel_kind(const char *sysfs, const char *kind, char *where, size_t size);
/* The same, or has one taken this device? */
bool claim_kernel_device(const char *sysfs, const char *kind, unsigned int domid, unsigned int id,
			 char *where, size_t size);

#endif
