/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BACKEND_NET_CONNECT_H
#define BACKEND_NET_CONNECT_H

#include "backend/net/net.h"

/* Steps of backend.h, but for disconnect, which is netback.c's. */
int vif_offer(struct device *d);
int vif_connect(struct device *d);
void vif_release(struct device *d);
/* Gives back what vif_connect() took; nobody serves it any more. */
void vif_unmap(struct vif *v);

#endif
