/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rxframe.h - what is to be given to a guest next, as it takes it.
 */
#ifndef BACKEND_NET_RXFRAME_H
#define BACKEND_NET_RXFRAME_H

#include "backend/net/worker.h"

enum source { FROM_NOWHERE, FROM_CUT, FROM_FIFO, FROM_TAP };

/* Where the next frame is, or may be; of FROM_CUT and FROM_FIFO, which. */
enum source rx_source(struct queue *q, struct queued *k);
/* A frame of the TAP's, into `f`; NULL: none is there.  Length 0: none that makes sense. */
struct frame *rx_read_tap(struct queue *q, struct frame *f);
/* It is from the TAP, and to be kept until buffers are there. */
void rx_keep(struct queue *q, const struct frame *f);
/* Takes the frame, which waits first, to be cut; or drops it, if there is no way. */
void rx_begin_cut(struct queue *q, const struct queued *k);
/* The next segment of it, into `f`; and it was given. */
struct frame *rx_cut(struct queue *q, struct frame *f);
void rx_end_cut(struct queue *q);
/* The checksum as this guest takes it, perhaps in `copy`; NULL: there is no way. */
struct frame *rx_fit_checksum(struct vif *v, struct frame *f, struct frame *copy);

#endif
