/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BACKEND_NET_NETBACK_H
#define BACKEND_NET_NETBACK_H

#include "backend/backend.h"

extern const struct backend_ops netback_ops;

#endif
