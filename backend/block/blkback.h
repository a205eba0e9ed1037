/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BACKEND_BLOCK_BLKBACK_H
#define BACKEND_BLOCK_BLKBACK_H

#include "backend/backend.h"

extern const struct backend_ops blkback_ops;

#endif
