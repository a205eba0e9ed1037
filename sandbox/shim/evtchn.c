/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxenevtchn over the broker. The descriptor that users poll is the read end of
 * a pipe, into which the broker puts each port that becomes pending: reading it
 * is the same as reading /dev/xen/evtchn. Calls go over a socket of their own.
 *
 * After fork the child has the handle too, as with the real device: the ports
 * live until both have closed. The logger is not used: nothing is printed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenevtchn.h>

#include "sandbox/lib/client.h"
#include "sandbox/shim/shim.h"

struct xenevtchn_handle {
	struct xsb_client client;
	int fd;
	pid_t owner; /* a forked child may only close it */
};

static xenevtchn_handle *handle_new(void)
{
	xenevtchn_handle *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return NULL;
	h->fd = -1;
	h->owner = getpid();
	rc = xsb_open(&h->client);
	if (rc) {
		free(h);
		errno = -rc;
		return NULL;
	}
	return h;
}

static xenevtchn_handle *handle_or_error(xenevtchn_handle *h, int rc)
{
	if (rc == 0)
		return h;
	xsb_close(&h->client);
	free(h);
	errno = -rc;
	return NULL;
}

SHIM_API xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	xenevtchn_handle *h;
	struct xsb_msg m = { .op = XSB_EVT_OPEN };
	int n = 1, rc;

	(void)logger;
	if (flags & ~XENEVTCHN_NO_CLOEXEC) {
		errno = EINVAL;
		return NULL;
	}
	h = handle_new();
	if (!h)
		return NULL;
	rc = xsb_call(&h->client, &m, NULL, 0, &h->fd, &n);
	if (rc == 0 && n != 1)
		rc = -EMFILE;
	if (rc == 0 && flags & XENEVTCHN_NO_CLOEXEC)
		fcntl(h->fd, F_SETFD, 0);
	return handle_or_error(h, rc);
}

/* The broker knows the pipe by its inode. */
SHIM_API xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd,
					    unsigned int open_flags)
{
	xenevtchn_handle *h;
	struct stat st;

	(void)logger;
	if (open_flags) {
		errno = EINVAL;
		return NULL;
	}
	if (fstat(fd, &st) < 0)
		return NULL;
	h = handle_new();
	if (!h)
		return NULL;
	h->fd = fd;
	return handle_or_error(h, xsb_call2(&h->client, XSB_EVT_ADOPT, st.st_ino, 0, NULL));
}

static int simple(xenevtchn_handle *h, uint32_t op, uint64_t a0, uint64_t a1)
{
	return shim_result(xsb_call2(&h->client, op, a0, a1, NULL));
}

SHIM_API int xenevtchn_close(xenevtchn_handle *xce)
{
	int rc;

	if (!xce)
		return 0;
	rc = close(xce->fd);
	if (xce->owner == getpid()) /* so that the ports are closed on return */
		simple(xce, XSB_EVT_CLOSED, 0, 0);
	xsb_close(&xce->client);
	free(xce);
	return rc;
}

SHIM_API int xenevtchn_fd(xenevtchn_handle *xce)
{
	return xce->fd;
}

static xenevtchn_port_or_error_t port_of(xenevtchn_handle *h, uint32_t op, uint64_t a0, uint64_t a1)
{
	uint64_t port = 0;
	int rc = xsb_call2(&h->client, op, a0, a1, &port);

	return rc ? shim_result(rc) : (int)port;
}

SHIM_API int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	return simple(xce, XSB_EVT_SEND, port, 0);
}

SHIM_API xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *xce,
							       uint32_t domid)
{
	return port_of(xce, XSB_EVT_ALLOC, domid, 0);
}

SHIM_API xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
							      evtchn_port_t remote_port)
{
	return port_of(xce, XSB_EVT_BIND, domid, remote_port);
}

SHIM_API xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
	return port_of(xce, XSB_EVT_VIRQ, virq, 0);
}

SHIM_API int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	return simple(xce, XSB_EVT_CLOSE, port, 0);
}

SHIM_API xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	evtchn_port_t port;
	ssize_t n = read(xce->fd, &port, sizeof(port));

	if (n == (ssize_t)sizeof(port))
		return (xenevtchn_port_or_error_t)port;
	if (n >= 0)
		errno = EIO; /* the broker is gone */
	return -1;
}

SHIM_API int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	return simple(xce, XSB_EVT_UNMASK, port, 0);
}

SHIM_API int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid)
{
	return simple(xce, XSB_EVT_RESTRICT, domid, 0);
}
