/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tap.h - the TAP device of a vif: its port of a bridge.  It is there from
 * offer to release, and up while the guest is connected.  Functions return 0
 * or -errno.
 */
#ifndef BACKEND_NET_TAP_H
#define BACKEND_NET_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct tap {
	int fd; /* its first queue, or -1: there is no TAP */
	unsigned int checks; /* of its address */
	uint64_t check_at; /* ms: the next one */
	char name[IFNAMSIZ];
};

/* May an interface be called so? */
bool tap_name_ok(const char *name);
/* Makes it, with the MTU (0: as it comes), and puts it into the bridge. */
int tap_open(struct tap *t, const char *name, const char *bridge, unsigned int mtu);
void tap_close(struct tap *t);
/*
 * Xen's scripts give ports of bridges the address fe:ff:ff:ff:ff:ff, and so do
 * we; but udev may give one to a new interface at any moment.  So it is looked at
 * for a while, whenever this is called.
 */
void tap_check(struct tap *t);
/* One more queue: a descriptor, or -errno. */
int tap_queue(const struct tap *t);
/* What the kernel may leave to the guest; the rest it does itself. */
int tap_offload(const struct tap *t, bool csum, bool tso4, bool tso6);
int tap_up(const struct tap *t, bool up);
/* Frames that nobody was there to take. */
void tap_drain(int fd);

#endif
