/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xenbus.h - both ends' view of the xenbus state machine
 * (xen/io/xenbus.h).  The peer may write any state at any time, and its
 * nodes may vanish: an absent or unreadable state is XenbusStateUnknown.
 */
#ifndef COMMON_XENBUS_H
#define COMMON_XENBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <xen/io/xenbus.h>
#include <xenstore.h>

const char *xenbus_state_name(unsigned int state);

/* A state's text as it stands in xenstore; Unknown when it is none. */
enum xenbus_state xenbus_parse_state(const char *text);
enum xenbus_state xenbus_read_state(struct xs_handle *xsh, const char *dir);

/*
 * Runs `body` in a transaction, again when it collides, a bounded number of
 * times.  body: true to commit; false and errno to give up.  False: errno is
 * body's, the store's, or EAGAIN.
 */
bool xenbus_transaction(struct xs_handle *xsh,
			bool (*body)(struct xs_handle *xsh, xs_transaction_t t, void *arg),
			void *arg);

/* `dir`/`leaf` as it stands in the transaction; NULL and errno. */
char *xenbus_read_leaf(struct xs_handle *xsh, xs_transaction_t t, const char *dir,
		       const char *leaf);

struct xenbus_node {
	const char *leaf, *value;
};

/*
 * Writes nodes below `dir`, all or none, but never makes the directory: a
 * device that the toolstack has removed stays removed (false, ENOENT).
 */
bool xenbus_write_nodes(struct xs_handle *xsh, const char *dir, const struct xenbus_node *nodes,
			unsigned int n);
/* The same for `dir`/state. */
bool xenbus_write_state(struct xs_handle *xsh, const char *dir, enum xenbus_state state);

/* Writes `dir`/error for people; also only where the device still is. */
void xenbus_write_error(struct xs_handle *xsh, const char *dir, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What a backend has to do next for a device.  Pure. */
enum xenbus_step {
	XENBUS_STAY,
	XENBUS_OFFER, /* publish features, then state InitWait */
	XENBUS_CONNECT, /* map the ring, then state Connected */
	XENBUS_CLOSING, /* stop serving, state Closing: waits for the peer */
	XENBUS_CLOSED, /* stop serving, state Closed */
};

/*
 * `own`: our state; `peer`: the frontend's; `online`: the toolstack still
 * wants the device.  Call again after each step until it says STAY.
 * Connected: we serve; in all other states nothing is mapped.
 */
enum xenbus_step xenbus_backend_step(enum xenbus_state own, enum xenbus_state peer, bool online);

#define XENBUS_MASK(state) (1u << (state))

/*
 * Waits until `dir`/state is one of `mask`, for at most timeout_ms (-1: for
 * ever) or until cancel_fd (-1: none) is readable.  Uses the watch with the
 * token "xenbus-wait" and drops other watch events of the handle.
 * Returns true and the state; or false, errno ETIMEDOUT, EINTR (cancelled)
 * or what the store said; *state is then the last one seen.
 */
bool xenbus_wait(struct xs_handle *xsh, const char *dir, unsigned int mask, int timeout_ms,
		 int cancel_fd, enum xenbus_state *state);

#endif
