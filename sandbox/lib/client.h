/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A shim's connection to the broker. Returns are 0 or -errno; nothing is printed. */
#ifndef SANDBOX_LIB_CLIENT_H
#define SANDBOX_LIB_CLIENT_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/wire.h"

struct xsb_client {
	int fd;
	uint32_t domid;
	pthread_mutex_t lock; /* one call at a time */
};

/* -ENOENT when the process is in no sandbox ($XSANDBOX unset). */
int xsb_open(struct xsb_client *c);
void xsb_close(struct xsb_client *c);

/*
 * One call: sends *m (op, a[], len, data) with nfds descriptors, receives the
 * reply into *m. Up to *nrfds descriptors are stored in rfds (close-on-exec; the
 * caller closes them); rfds and nrfds may be NULL. Returns the reply's err, or
 * the error of the connection (-EIO when the broker is gone).
 */
int xsb_call(struct xsb_client *c, struct xsb_msg *m, const int *fds, int nfds, int *rfds,
	     int *nrfds);

/* A call without data or descriptors: a[0], a[1] there, a[0] back (if out). */
int xsb_call2(struct xsb_client *c, uint32_t op, uint64_t a0, uint64_t a1, uint64_t *out);

/* One message on a socket; used by both sides. Receive gives bytes, 0 = closed. */
int xsb_send(int fd, const struct xsb_msg *m, const int *fds, int nfds, int flags);
ssize_t xsb_recv(int fd, struct xsb_msg *m, int *fds, int *nfds, int flags);

#endif
