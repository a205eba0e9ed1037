/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * txparse.h - puts a guest's frame together from the slots of its transmit
 * ring.  Pure: is fed copies of slots, which the guest cannot change.
 */
#ifndef BACKEND_NET_TXPARSE_H
#define BACKEND_NET_TXPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/xenbus_ring.h"
#include <xen/io/netif.h>

#define TX_PARTS XEN_NETIF_NR_SLOTS_MIN /* most slots with data of a good frame */
#define TX_IDS 64u /* slots of a bad one; more break the ring */
#define TX_MIN 14u /* an Ethernet header */

struct tx_part {
	uint32_t ref;
	uint16_t offset, size;
};

struct tx_packet {
	/* the frame */
	uint32_t total;
	uint16_t flags; /* NETTXF_* of the first slot */
	uint8_t parts, extras;
	uint8_t gso; /* XEN_NETIF_GSO_TYPE_*, and bytes of a segment */
	uint16_t gso_size;
	bool bad; /* to be answered with an error, nothing of it used */
	struct tx_part part[TX_PARTS];
	/* what to answer: the first id, `extras` empty answers, the other ids */
	uint8_t ids;
	uint16_t id[TX_IDS];
	/* while it is put together */
	uint8_t want; /* enum in txparse.c */
	uint32_t rest; /* bytes in the slots after the first */
	bool more;
};

enum tx_fed { TX_MORE, TX_DONE, TX_BROKEN };

void tx_begin(struct tx_packet *p);
/* The next slot.  TX_BROKEN: these are no rules of this ring. */
enum tx_fed tx_feed(struct tx_packet *p, const struct netif_tx_request *copy);

#endif
