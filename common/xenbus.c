/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/xenbus.h"
#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kv.h"
#include "common/xs.h"

#define TRIES 32 /* of a transaction that collides */

const char *xenbus_state_name(unsigned int state)
{
	static const char *const name[] = {
		"Unknown", "Initialising", "InitWait",	    "Initialised",  "Connected",
		"Closing", "Closed",	   "Reconfiguring", "Reconfigured",
	};

	return state < sizeof(name) / sizeof(name[0]) ? name[state] : "Invalid";
}

enum xenbus_state xenbus_parse_state(const char *text)
{
	uint64_t n;

	if (!text || !parse_u64(text, XenbusStateReconfigured, &n))
		return XenbusStateUnknown;
	return (enum xenbus_state)n;
}

enum xenbus_state xenbus_read_state(struct xs_handle *xsh, const char *dir)
{
	char *text = xs_readf(xsh, "%s/state", dir);
	enum xenbus_state state = xenbus_parse_state(text);

	free(text);
	return state;
}

bool xenbus_transaction(struct xs_handle *xsh,
			bool (*body)(struct xs_handle *xsh, xs_transaction_t t, void *arg),
			void *arg)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		xs_transaction_t t = xs_transaction_start(xsh);
		int err;

		if (t == XBT_NULL)
			return false;
		if (!body(xsh, t, arg)) {
			err = errno;
			xs_transaction_end(xsh, t, true);
			errno = err;
			return false;
		}
		if (xs_transaction_end(xsh, t, false))
			return true;
		if (errno != EAGAIN)
			return false;
	}
	return false;
}

static bool leaf_path(char path[XENSTORE_ABS_PATH_MAX + 1], const char *dir, const char *leaf)
{
	if (snprintf(path, XENSTORE_ABS_PATH_MAX + 1, "%s/%s", dir, leaf) <= XENSTORE_ABS_PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

char *xenbus_read_leaf(struct xs_handle *xsh, xs_transaction_t t, const char *dir, const char *leaf)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	unsigned int len;

	return leaf_path(path, dir, leaf) ? xs_read(xsh, t, path, &len) : NULL;
}

struct writing {
	const char *dir;
	const struct xenbus_node *nodes;
	unsigned int n;
};

/* Below a directory that is there: else writing would make it. */
static bool write_existing(struct xs_handle *xsh, xs_transaction_t t, void *arg)
{
	const struct writing *w = arg;
	char path[XENSTORE_ABS_PATH_MAX + 1];
	char *state = xenbus_read_leaf(xsh, t, w->dir, "state");
	unsigned int i;

	if (!state)
		return false;
	free(state);
	for (i = 0; i < w->n; i++)
		if (!leaf_path(path, w->dir, w->nodes[i].leaf) ||
		    !xs_write(xsh, t, path, w->nodes[i].value,
			      (unsigned int)strlen(w->nodes[i].value)))
			return false;
	return true;
}

bool xenbus_write_nodes(struct xs_handle *xsh, const char *dir, const struct xenbus_node *nodes,
			unsigned int n)
{
	struct writing w = { dir, nodes, n };

	return xenbus_transaction(xsh, write_existing, &w);
}

bool xenbus_write_state(struct xs_handle *xsh, const char *dir, enum xenbus_state state)
{
	char text[2] = { (char)('0' + state), 0 };
	struct xenbus_node node = { "state", text };

	return xenbus_write_nodes(xsh, dir, &node, 1);
}

void xenbus_write_error(struct xs_handle *xsh, const char *dir, const char *fmt, ...)
{
	char text[256];
	struct xenbus_node node = { "error", text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	xenbus_write_nodes(xsh, dir, &node, 1);
}

enum xenbus_step xenbus_backend_step(enum xenbus_state own, enum xenbus_state peer, bool online)
{
	bool served = own == XenbusStateConnected;

	/* unplugged, and nothing is mapped: no need to wait for the guest */
	if (!online && !served && own != XenbusStateClosed && peer != XenbusStateClosing)
		return XENBUS_CLOSED;
	switch (peer) {
	case XenbusStateInitialising:
		/* a frontend that begins anew while we serve its old ring */
		if (served || own == XenbusStateClosing)
			return XENBUS_CLOSED;
		if (own == XenbusStateInitialising || (own == XenbusStateClosed && online))
			return XENBUS_OFFER;
		return XENBUS_STAY;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		if (own == XenbusStateInitialising)
			return XENBUS_OFFER;
		return own == XenbusStateInitWait ? XENBUS_CONNECT : XENBUS_STAY;
	case XenbusStateClosing:
		if (served || own == XenbusStateInitWait)
			return XENBUS_CLOSING;
		return XENBUS_STAY;
	case XenbusStateClosed:
	case XenbusStateUnknown:
		/* before the first connection nothing is there to be closed */
		if (own == XenbusStateInitialising && peer == XenbusStateUnknown)
			return XENBUS_STAY;
		return own == XenbusStateClosed ? XENBUS_STAY : XENBUS_CLOSED;
	case XenbusStateInitWait:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break; /* not states of these frontends */
	}
	return XENBUS_STAY;
}

/* Sleeps until a watch fired (true) or one of the other ends came. */
static bool wait_event(struct xs_handle *xsh, int64_t until, int cancel_fd)
{
	struct pollfd fd[2] = {
		{ .fd = xs_fileno(xsh), .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};
	char **event;

	for (;;) {
		int64_t left = until < 0 ? -1 : until - (int64_t)now_ms();

		if (until >= 0 && left <= 0) {
			errno = ETIMEDOUT;
			return false;
		}
		if (poll(fd, 2, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR)
			return false;
		if (fd[1].revents) {
			errno = EINTR;
			return false;
		}
		if (!fd[0].revents)
			continue;
		event = xs_check_watch(xsh);
		if (event) {
			free(event);
			return true;
		}
		if (errno != EAGAIN)
			return false;
	}
}

bool xenbus_wait(struct xs_handle *xsh, const char *dir, unsigned int mask, int timeout_ms,
		 int cancel_fd, enum xenbus_state *state)
{
	static const char token[] = "xenbus-wait";
	int64_t until = timeout_ms < 0 ? -1 : (int64_t)now_ms() + timeout_ms;
	char path[XENSTORE_ABS_PATH_MAX + 1];
	bool ok = false;
	int err = 0;

	*state = XenbusStateUnknown;
	if (snprintf(path, sizeof(path), "%s/state", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (!xs_watch(xsh, path, token))
		return false;
	for (;;) {
		*state = xenbus_read_state(xsh, dir);
		ok = mask & XENBUS_MASK(*state);
		if (ok || !wait_event(xsh, until, cancel_fd))
			break;
	}
	err = errno;
	xs_unwatch(xsh, path, token);
	errno = err;
	return ok;
}
