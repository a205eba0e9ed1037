/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * outbox.h - messages for a socket of datagrams or packets whose reader may
 * be slow, or may at this moment wait for us: what does not fit is kept, in
 * order, and goes out later.
 */
#ifndef ACCOUNTANT_OUTBOX_H
#define ACCOUNTANT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

struct outbox_msg;

struct outbox {
	struct outbox_msg *first, **last;
};

/* Sends or keeps; false and errno: neither.  Never blocks. */
bool outbox_send(struct outbox *o, int fd, const void *data, size_t size);
/* Sends what there is room for; false and errno: the socket is broken. */
bool outbox_flush(struct outbox *o, int fd);
void outbox_free(struct outbox *o);

#endif
