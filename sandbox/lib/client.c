/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A shim's connection to the broker: connect, say who we are, call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/lib/client.h"

int xsb_send(int fd, const struct xsb_msg *m, const int *fds, int nfds, int flags)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(XSB_FDS * sizeof(int))];
	} control;
	struct iovec iov = {
		.iov_base = (void *)m,
		.iov_len = XSB_HEADER + m->len,
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (m->len > XSB_DATA || nfds > XSB_FDS)
		return -EMSGSIZE;
	if (nfds > 0) {
		struct cmsghdr *cm;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, (size_t)nfds * sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Takes the descriptors of a message; those that do not fit are closed. */
static void take_fds(struct msghdr *msg, int *fds, int room, int *nfds)
{
	struct cmsghdr *cm;
	int n = 0;

	for (cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t i, count;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (n < room)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	if (nfds)
		*nfds = n;
}

ssize_t xsb_recv(int fd, struct xsb_msg *m, int *fds, int *nfds, int flags)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(XSB_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = m, .iov_len = sizeof(*m) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int room = nfds ? *nfds : 0;
	ssize_t n;

	do
		n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (nfds)
		*nfds = 0;
	if (n <= 0)
		return n < 0 ? -errno : 0;
	take_fds(&msg, fds, room, nfds);
	if (n < (ssize_t)XSB_HEADER || m->len != (size_t)n - XSB_HEADER) {
		while (nfds && *nfds > 0)
			close(fds[--*nfds]);
		return -EPROTO;
	}
	return n;
}

static int exchange(struct xsb_client *c, struct xsb_msg *m, const int *fds, int nfds, int *rfds,
		    int *nrfds)
{
	int room = nrfds ? *nrfds : 0;
	ssize_t n;
	int rc;

	if (nrfds)
		*nrfds = 0;
	if (c->fd < 0)
		return -EBADF;
	rc = xsb_send(c->fd, m, fds, nfds, 0);
	if (rc)
		return rc == -EPIPE || rc == -ECONNRESET ? -EIO : rc;
	if (nrfds)
		*nrfds = room;
	n = xsb_recv(c->fd, m, rfds, nrfds, 0);
	if (n == 0 || n == -ECONNRESET)
		return -EIO;
	return n < 0 ? (int)n : m->err;
}

int xsb_call(struct xsb_client *c, struct xsb_msg *m, const int *fds, int nfds, int *rfds,
	     int *nrfds)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = exchange(c, m, fds, nfds, rfds, nrfds);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int xsb_call2(struct xsb_client *c, uint32_t op, uint64_t a0, uint64_t a1, uint64_t *out)
{
	struct xsb_msg m;
	int rc;

	memset(&m, 0, XSB_HEADER);
	m.op = op;
	m.a[0] = a0;
	m.a[1] = a1;
	rc = xsb_call(c, &m, NULL, 0, NULL, NULL);
	if (rc == 0 && out)
		*out = m.a[0];
	return rc;
}

int xsb_open(struct xsb_client *c)
{
	const char *dir = getenv(XSB_ENV_DIR), *dom = getenv(XSB_ENV_DOMID);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int n, rc;

	c->fd = -1;
	c->domid = 0;
	pthread_mutex_init(&c->lock, NULL);
	if (!dir || !*dir)
		return -ENOENT;
	if (dom)
		c->domid = (uint32_t)strtoul(dom, NULL, 10);
	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" XSB_SOCKET, dir);
	if (n >= (int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	do
		rc = connect(c->fd, (struct sockaddr *)&sa, sizeof(sa));
	while (rc < 0 && errno == EINTR);
	rc = rc < 0 ? -errno : xsb_call2(c, XSB_HELLO, c->domid, 0, NULL);
	if (rc)
		xsb_close(c);
	return rc;
}

void xsb_close(struct xsb_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	pthread_mutex_destroy(&c->lock);
}
