/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The init process of a domain: starts commands for the broker, is the parent of
 * every orphan of the domain, reports the ends of the commands. When the broker
 * goes, it kills whatever is left of the domain and goes too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/broker/control.h"
#include "sandbox/broker/cpu.h"
#include "sandbox/broker/procs.h"
#include "sandbox/lib/client.h"

struct child {
	struct child *next;
	pid_t pid;
	uint32_t id;
};

static struct child *children;
static const char *sandbox_dir;
static uint32_t domid;
static struct cpu_reaped *reaped;

static void tell(uint32_t op, uint32_t id, int32_t value)
{
	struct init_msg m = { .op = op, .id = id, .value = value };

	if (send(INIT_FD, &m, sizeof(m), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		perror("xsandbox: init");
}

/* fds: those of the command in order of their bits; moves 0, 1, 2 to their place. */
static void arrange(const int *fds, uint32_t has)
{
	int i, k = 0, std[3] = { -1, -1, -1 };

	if (has & 1u << INIT_CWD && fchdir(fds[k++]) < 0)
		perror("xsandbox: working directory");
	for (i = 0; i < 3; i++) {
		int fd = has & 1u << i ? fds[k++] : open("/dev/null", O_RDWR);

		std[i] = fcntl(fd, F_DUPFD, 16); /* out of the way first */
	}
	for (i = 0; i < 3; i++)
		dup2(std[i], i);
	close_range(3, ~0u, 0);
}

static void command(int blob, const int *fds, uint32_t has) __attribute__((noreturn));

static void command(int blob, const int *fds, uint32_t has)
{
	char **argv, **env;
	sigset_t none;
	int rc = blob_read(blob, &argv, &env);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* signals of a terminal come by the broker */
	arrange(fds, has);
	if (rc) {
		fprintf(stderr, "xsandbox: bad command\n");
		_exit(127);
	}
	environ = env;
	execvp(argv[0], argv);
	rc = errno;
	fprintf(stderr, "xsandbox: %s: %s\n", argv[0], strerror(rc));
	_exit(rc == ENOENT ? 127 : 126);
}

static void spawn(const struct init_msg *m, const int *fds, int nfds)
{
	struct child *c = calloc(1, sizeof(*c));
	pid_t pid = -1;

	if (!reaped) /* the broker has made it by now */
		reaped = cpu_reaped_map(sandbox_dir, domid, false);
	if (c && nfds == 1 + __builtin_popcount(m->has)) {
		pid = fork();
		if (pid == 0)
			command(fds[0], fds + 1, m->has);
	}
	if (pid < 0) {
		free(c);
		tell(INIT_EXITED, m->id, 126 << 8);
		return;
	}
	c->pid = pid;
	c->id = m->id;
	c->next = children;
	children = c;
	tell(INIT_STARTED, m->id, pid);
}

/*
 * What a terminal sends goes to the whole command, all else to its first process.
 * A child that is not reaped yet keeps its pid, so this cannot hit a stranger.
 */
static void forward(const struct init_msg *m)
{
	int sig = m->value;
	bool group = sig == SIGINT || sig == SIGQUIT || sig == SIGHUP || sig == SIGWINCH;
	struct child *c;

	for (c = children; c; c = c->next)
		if (c->id == m->id)
			kill(group ? -c->pid : c->pid, sig);
}

static void reap(void)
{
	struct child **at, *c;
	int status;
	pid_t pid;

	while ((pid = cpu_reap(reaped, &status)) > 0)
		for (at = &children; (c = *at); at = &c->next)
			if (c->pid == pid) {
				tell(INIT_EXITED, c->id, status);
				*at = c->next;
				free(c);
				break;
			}
}

/* One message of the broker; false when it is gone. */
static bool serve(void)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct init_msg m;
	struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cm;
	int fds[8] = { 0 }, nfds = 0;
	ssize_t n = recvmsg(INIT_FD, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0 && errno == EINTR)
		return true;
	if (n != sizeof(m))
		return false;
	cm = CMSG_FIRSTHDR(&msg);
	if (cm && cm->cmsg_type == SCM_RIGHTS) {
		nfds = (int)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(cm), (size_t)nfds * sizeof(int));
	}
	if (m.op == INIT_SPAWN)
		spawn(&m, fds, nfds);
	else if (m.op == INIT_SIGNAL)
		forward(&m);
	while (nfds > 0)
		close(fds[--nfds]);
	return true;
}

void init_main(const char *number, const char *dir)
{
	struct pollfd p[2] = { { .fd = INIT_FD, .events = POLLIN } };
	char name[16];
	sigset_t all;

	snprintf(name, sizeof(name), "xen-dom-%.7s", number);
	domid = (uint32_t)strtoul(number, NULL, 10);
	sandbox_dir = dir;
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setsid();
	fcntl(INIT_FD, F_SETFD, FD_CLOEXEC);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	p[1].fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	p[1].events = POLLIN;
	for (;;) {
		struct signalfd_siginfo si;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents && !serve())
			break;
		while (read(p[1].fd, &si, sizeof(si)) > 0)
			;
		reap();
	}
	procs_kill_below(getpid());
	_exit(0);
}
