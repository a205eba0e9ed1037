/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vnet.h - the same said in two ways: netif's flags and extra information, and
 * the virtio-net header of a frame on a TAP device.  Pure.
 */
#ifndef BACKEND_NET_VNET_H
#define BACKEND_NET_VNET_H

#include <linux/virtio_net.h>

#include "backend/net/gso.h"

/* For a frame of a guest; false: it is not what `o` says. */
bool vnet_header(const uint8_t *frame, size_t len, const struct offload *o,
		 struct virtio_net_hdr *h);

/*
 * For a frame of the kernel's.  A checksum that is blank where netif cannot say
 * it is completed.  False: segmentation that netif does not know.
 */
bool vnet_offload(const struct virtio_net_hdr *h, uint8_t *frame, size_t len, struct offload *o);

#endif
