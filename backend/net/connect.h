/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BACKEND_NET_CONNECT_H
#define BACKEND_NET_CONNECT_H

#include "backend/net/vif.h"

int vif_offer(struct device *d);
int vif_connect(struct device *d);
bool vif_disconnect(struct device *d);

#endif
