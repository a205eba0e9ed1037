/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running commands in a domain: the broker's side of init, and xsandbox exec. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/broker/control.h"
#include "sandbox/lib/client.h"

static uint32_t next_id = 1;

static int init_send(struct domain *d, const struct init_msg *m, const int *fds, int nfds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(8 * sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec iov = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;

	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, (size_t)nfds * sizeof(int));
	}
	return sendmsg(d->init_fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void spawn_done(struct spawn *s, int status)
{
	TAILQ_REMOVE(&s->d->spawns, s, link);
	s->exited(s, status);
	free(s);
}

static struct spawn *spawn_find(struct domain *d, uint32_t id)
{
	struct spawn *s;

	for (s = TAILQ_FIRST(&d->spawns); s; s = TAILQ_NEXT(s, link)) {
		if (s->id == id)
			return s;
	}
	return NULL;
}

static void on_init(evutil_socket_t fd, short what, void *arg)
{
	struct domain *d = arg;
	struct init_msg m;
	struct spawn *s;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(m)) {
		/* Init is dead: the domain crashed. */
		say("domain %u: its init process died", d->domid);
		domain_destroy(d);
		return;
	}
	s = spawn_find(d, m.id);
	if (s && m.op == INIT_STARTED) {
		s->pid = m.value;
		if (s->started)
			s->started(s, s->pid);
	} else if (s && m.op == INIT_EXITED) {
		spawn_done(s, m.value);
	}
}

static void init_exec(struct domain *d, int fd) __attribute__((noreturn));

static void init_exec(struct domain *d, int fd)
{
	sigset_t none;
	char domid[16];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (broker.files.rlim_max)
		setrlimit(RLIMIT_NOFILE, &broker.files);
	snprintf(domid, sizeof(domid), "%u", d->domid);
	fd = fcntl(fd, F_DUPFD, 16);
	dup2(fd, INIT_FD);
	close_range(INIT_FD + 1, ~0u, 0);
	execl(broker.self, "xsandbox", "domain-init", domid, broker.dir, (char *)NULL);
	_exit(127);
}

int init_start(struct domain *d)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0)
		return -errno;
	d->init = fork();
	if (d->init == 0)
		init_exec(d, s[1]);
	close(s[1]);
	if (d->init < 0) {
		d->init = 0;
		close(s[0]);
		return -EAGAIN;
	}
	d->init_fd = s[0];
	d->init_ev = event_new(broker.base, s[0], EV_READ | EV_PERSIST, on_init, d);
	return d->init_ev && event_add(d->init_ev, NULL) == 0 ? 0 : -ENOMEM;
}

void init_gone(struct domain *d)
{
	struct spawn *s, *next;

	if (d->init_ev)
		event_free(d->init_ev);
	if (d->init_fd >= 0)
		close(d->init_fd);
	d->init_ev = NULL;
	d->init_fd = -1;
	if (d->init > 0)
		waitpid(d->init, NULL, 0);
	d->init = 0;
	for (s = TAILQ_FIRST(&d->spawns); s; s = next) {
		next = TAILQ_NEXT(s, link);
		spawn_done(s, SIGKILL);
	}
}

int spawn_env(struct domain *d, char *const *from, struct envlist *env)
{
	const char *old;
	char domid[16], path[2048];
	int rc = env_copy(env, from);

	snprintf(domid, sizeof(domid), "%u", d->domid);
	old = env_get(env, "LD_LIBRARY_PATH");
	if (old && strncmp(old, broker.shimdir, strlen(broker.shimdir)) == 0)
		snprintf(path, sizeof(path), "%s", old);
	else
		snprintf(path, sizeof(path), "%s%s%s", broker.shimdir, old && *old ? ":" : "",
			 old ? old : "");
	rc |= env_set(env, XSB_ENV_DIR, broker.dir);
	rc |= env_set(env, XSB_ENV_DOMID, domid);
	rc |= env_set(env, "LD_LIBRARY_PATH", path);
	rc |= env_path(env, broker.self);
	rc |= env_rundir(env, broker.dir, d->domid);
	/* its CPUs are this machine's: there is no such file */
	if (!env_get(env, "ACCTRING_PROC"))
		rc |= env_set(env, "ACCTRING_PROC", broker.dir);
	modules_domain_env(d, env);
	return rc ? -ENOMEM : 0;
}

static int spawn_blob(struct domain *d, int blob, int cwd, const int fds[3], struct spawn *s)
{
	struct init_msg m = { .op = INIT_SPAWN };
	int send[5], n = 0, i, rc;

	send[n++] = blob;
	if (cwd >= 0) {
		m.has |= 1u << INIT_CWD;
		send[n++] = cwd;
	}
	for (i = 0; i < 3; i++)
		if (fds[i] >= 0) {
			m.has |= 1u << i;
			send[n++] = fds[i];
		}
	s->d = d;
	s->pid = 0;
	s->id = m.id = next_id++;
	rc = init_send(d, &m, send, n);
	if (rc == 0)
		TAILQ_INSERT_TAIL(&d->spawns, s, link);
	return rc;
}

int domain_spawn(struct domain *d, char *const *argv, char *const *env, int cwd, const int fds[3],
		 struct spawn *s)
{
	int blob, rc;

	if (d->dying || d->init_fd < 0)
		return -ESRCH;
	blob = blob_make(argv, env);
	if (blob < 0)
		return blob;
	rc = spawn_blob(d, blob, cwd, fds, s);
	close(blob);
	return rc;
}

void spawn_signal(struct spawn *s, int sig)
{
	struct init_msg m = { .op = INIT_SIGNAL, .id = s->id, .value = sig };

	init_send(s->d, &m, NULL, 0);
}

/* ---- for xsandbox exec ---- */

static void exec_exited(struct spawn *s, int status)
{
	struct client *c = s->arg;
	struct xsb_msg m;

	if (!c)
		return; /* nobody waits any more */
	memset(&m, 0, XSB_HEADER);
	m.op = XSB_EXITED;
	m.a[0] = (uint64_t)(uint32_t)status;
	c->spawn = NULL;
	client_reply(c, &m, NULL, 0);
}

/* fds: blob, working directory, 0, 1, 2; the environment gets the domain's. */
int exec_call(struct client *c, const struct xsb_msg *req, int *fds, int nfds)
{
	struct domain *d = domain_find((uint32_t)req->a[0]);
	struct envlist env = { 0 };
	char **argv, **from;
	struct spawn *s;
	int rc;

	if (nfds != 5 || c->spawn)
		return -EINVAL;
	if (!d || d->dying)
		return -ESRCH;
	rc = blob_read(fds[0], &argv, &from);
	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	rc = s ? spawn_env(d, from, &env) : -ENOMEM;
	if (rc == 0) {
		s->exited = exec_exited;
		s->arg = c;
		rc = domain_spawn(d, argv, env.v, fds[1], fds + 2, s);
	}
	env_free(&env);
	blob_free(argv, from);
	if (rc)
		free(s);
	else
		c->spawn = s;
	return rc;
}

void exec_signal(struct client *c, int sig)
{
	if (c->spawn && sig > 0 && sig < NSIG)
		spawn_signal(c->spawn, sig);
}

/* The one in front was killed: so is the command, as if it had been hit itself. */
void exec_client_gone(struct client *c)
{
	if (!c->spawn)
		return;
	spawn_signal(c->spawn, SIGKILL);
	c->spawn->arg = NULL;
	c->spawn = NULL;
}
