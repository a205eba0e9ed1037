/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xsandbox exec: stays in front of a command in a domain. The command has our
 * standard descriptors and working directory; signals go there, its exit code
 * comes back. Killed with SIGKILL it takes the command along.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sandbox/broker/control.h"
#include "sandbox/lib/client.h"

static const int passed_on[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH,
};

static int catch_signals(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until the end of the command: its exit code. */
static int wait_for(struct xsb_client *c, int sigfd)
{
	static struct xsb_msg m;
	struct pollfd p[2] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = sigfd, .events = POLLIN },
	};
	struct signalfd_siginfo si;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		while (read(sigfd, &si, sizeof(si)) == sizeof(si)) {
			memset(&m, 0, XSB_HEADER);
			m.op = XSB_SIGNAL;
			m.a[0] = si.ssi_signo;
			xsb_send(c->fd, &m, NULL, 0, 0);
		}
		if (!p[0].revents)
			continue;
		if (xsb_recv(c->fd, &m, NULL, NULL, 0) <= 0)
			return fail(EXIT_RUNTIME, "the sandbox is gone");
		if (m.op == XSB_EXITED)
			return status_to_code((int)m.a[0]);
	}
}

static int start(struct xsb_client *c, uint32_t domid, char **argv)
{
	static struct xsb_msg m = { .op = XSB_EXEC };
	int fds[5] = { blob_make(argv, environ), -1, 0, 1, 2 }, i, rc;

	if (fds[0] < 0)
		return fds[0];
	fds[1] = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fds[1] < 0)
		return -errno;
	for (i = 0; i < 3; i++) /* a closed one cannot be passed */
		if (fcntl(i, F_GETFD) < 0)
			fds[2 + i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	m.a[0] = domid;
	rc = xsb_call(c, &m, fds, 5, NULL, NULL);
	close(fds[0]);
	close(fds[1]);
	return rc;
}

int cli_exec(int argc, char **argv)
{
	struct xsb_client c;
	uint32_t domid;
	int rc, sigfd, at = 2;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		printf("usage: xsandbox exec DOMID -- COMMAND [ARG...]\n");
		return EXIT_OK;
	}
	if (argc > at && strcmp(argv[at], "--") == 0)
		at++;
	if (argc <= at)
		return fail(EXIT_USAGE, "exec: a DOMID and a command are needed");
	if (parse_domid(argv[1], &domid))
		return fail(EXIT_USAGE,
			    "exec: domain %s: a number from 0 to %u is "
			    "allowed",
			    argv[1], DOMID_MAX - 1);
	rc = xsb_open(&c);
	if (rc)
		return fail(EXIT_ENVIRONMENT, "exec: no sandbox ($XSANDBOX): %s", strerror(-rc));
	sigfd = catch_signals();
	rc = start(&c, domid, argv + at);
	if (rc == -EPERM)
		return fail(EXIT_RUNTIME, "exec: only domain 0 may do this");
	if (rc == -ESRCH)
		return fail(EXIT_RUNTIME, "exec: there is no domain %u", domid);
	if (rc)
		return fail(EXIT_RUNTIME, "exec: %s", strerror(-rc));
	rc = wait_for(&c, sigfd);
	xsb_close(&c);
	return rc;
}
