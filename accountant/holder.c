/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * holder.c - the process that outlives the worker: keeps the pages of all
 * links mapped, so that the kernel does not free them when their backend
 * and the worker die together.  It never reads a byte of them.
 */
#include "accountant/conf.h"
#include "accountant/hold.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xengnttab.h>

struct holder {
	const struct options *options;
	struct conf conf;
	xengnttab_handle *gnttab;
	struct hold *holds;
	int signals;
	int sock; /* to the worker, -1: none runs */
	pid_t worker;
	bool stopping;
	uint64_t started_ms; /* the worker */
	uint64_t backoff_ms;
};

static void send_msg(struct holder *h, const struct hold_msg *m)
{
	/* a worker that does not read is dead or will be started anew */
	if (h->sock >= 0 && send(h->sock, m, hold_size(m), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		log_warn("cannot write to the worker: %s", strerror(errno));
}

static void send_type(struct holder *h, enum hold_type type)
{
	struct hold_msg m = { .type = type };

	send_msg(h, &m);
}

static void hold(struct holder *h, struct hold_msg *m)
{
	struct hold *x = calloc(1, sizeof(*x));

	m->type = HELD;
	m->error = 0;
	if (!x || m->refs > ACCTRING_MAX_REFS + 1) {
		m->error = x ? -EINVAL : -ENOMEM;
		free(x);
		x = NULL;
	}
	if (x) {
		x->id = m->id;
		x->pages = m->refs;
		x->map = xengnttab_map_domain_grant_refs(h->gnttab, m->refs, m->id.domid, m->ref,
							 PROT_READ);
		if (!x->map) {
			m->error = errno ? -errno : -EINVAL;
			free(x);
		} else {
			x->next = h->holds;
			h->holds = x;
		}
	}
	send_msg(h, m);
}

static void release(struct holder *h, const struct acctring_link_id *id)
{
	for (struct hold **p = &h->holds; *p; p = &(*p)->next) {
		struct hold *x = *p;

		if (!hold_is(x, id))
			continue;
		*p = x->next;
		xengnttab_unmap(h->gnttab, x->map, x->pages);
		free(x);
		return;
	}
}

/* A worker that cannot be told apart from a crash is started anew. */
static _Noreturn void become_worker(struct holder *h, int sock)
{
	char arg[32];
	char **argv = h->options->argv, **copy;
	unsigned int n = 0;
	sigset_t none;

	while (argv[n])
		n++;
	copy = calloc(n + 2, sizeof(*copy));
	if (!copy)
		_exit(EXIT_RUNTIME);
	sock = dup(sock); /* without close-on-exec */
	snprintf(arg, sizeof(arg), "--worker=%d", sock);
	copy[0] = argv[0];
	copy[1] = arg;
	for (unsigned int i = 1; i < n; i++)
		copy[i + 1] = argv[i];
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", copy);
	_exit(EXIT_RUNTIME);
}

static void start_worker(struct holder *h)
{
	int pair[2];

	h->started_ms = now_ms();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		log_error("socketpair: %s", strerror(errno));
		return;
	}
	h->worker = fork();
	if (!h->worker)
		become_worker(h, pair[1]);
	close(pair[1]);
	if (h->worker < 0) {
		log_error("fork: %s", strerror(errno));
		close(pair[0]);
		return;
	}
	h->sock = pair[0];
	for (const struct hold *x = h->holds; x; x = x->next) {
		struct hold_msg m = { .type = LIST, .id = x->id };

		send_msg(h, &m);
	}
	send_type(h, LISTED);
}

static void read_worker(struct holder *h)
{
	struct hold_msg m;
	ssize_t n = recv(h->sock, &m, sizeof(m), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!hold_whole(&m, n)) { /* it ended: SIGCHLD follows */
		close(h->sock);
		h->sock = -1;
	} else if (m.type == HOLD) {
		hold(h, &m);
	} else if (m.type == RELEASE) {
		release(h, &m.id);
	}
}

/* Its exit code when that ends us too, else -1. */
static int reap(struct holder *h)
{
	int status;

	if (h->worker <= 0 || waitpid(h->worker, &status, WNOHANG) != h->worker)
		return -1;
	h->worker = 0;
	if (h->sock >= 0)
		close(h->sock);
	h->sock = -1;
	if (WIFEXITED(status)) {
		int code = WEXITSTATUS(status);

		if (h->stopping || code == EXIT_USAGE || code == EXIT_CONFIG || code == EXIT_ENV)
			return code;
		log_warn("worker ended with %d, will be started again", code);
	} else {
		log_warn("worker killed by signal %d, will be started again", WTERMSIG(status));
		if (h->stopping)
			return EXIT_RUNTIME;
	}
	if (now_ms() - h->started_ms >= 60000)
		h->backoff_ms = 0;
	h->backoff_ms = h->backoff_ms ? 2 * h->backoff_ms : 100;
	if (h->backoff_ms > (uint64_t)h->conf.restart_ms)
		h->backoff_ms = (uint64_t)h->conf.restart_ms;
	h->started_ms = now_ms(); /* the wait counts from here */
	return -1;
}

static int read_signal(struct holder *h)
{
	struct signalfd_siginfo info;

	if (read(h->signals, &info, sizeof(info)) != sizeof(info))
		return -1;
	if (info.ssi_signo == SIGCHLD)
		return reap(h);
	if (info.ssi_signo == SIGHUP) {
		send_type(h, RELOAD);
		return -1;
	}
	h->stopping = true;
	if (!h->worker)
		return 0;
	send_type(h, STOP);
	return -1;
}

static int loop(struct holder *h)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = h->signals, .events = POLLIN },
				       { .fd = h->sock, .events = POLLIN } };
		int wait = -1, code;

		if (!h->worker) {
			uint64_t waited = now_ms() - h->started_ms;

			if (waited >= h->backoff_ms) {
				start_worker(h);
				continue;
			}
			wait = (int)(h->backoff_ms - waited);
		}
		if (poll(p, 2, wait) <= 0)
			continue;
		if (p[1].revents)
			read_worker(h);
		if (p[0].revents && (code = read_signal(h)) >= 0)
			return code;
	}
}

static void close_all(struct holder *h)
{
	while (h->holds)
		release(h, &(struct acctring_link_id){ .epoch = h->holds->id.epoch,
						       .ref = h->holds->id.ref,
						       .domid = h->holds->id.domid });
	xengnttab_close(h->gnttab);
	close(h->signals);
	settings_free(&h->conf);
}

int holder_main(const struct options *options)
{
	struct holder h = { .options = options, .sock = -1 };
	sigset_t set;
	char *error;
	int code;

	if (!settings_load(&h.conf, options, &error))
		die(EXIT_CONFIG, "%s", error ? error : "out of memory");
	h.gnttab = xengnttab_open(NULL, 0);
	if (!h.gnttab)
		die(EXIT_ENV, "/dev/xen/gntdev: %s, allowed: a Xen domain, modprobe xen-gntdev",
		    strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	h.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h.signals < 0)
		die(EXIT_RUNTIME, "signalfd: %s", strerror(errno));
	code = loop(&h);
	close_all(&h);
	return code;
}
