/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the test programs of the sandbox: TAP lines without a plan (sandbox-core.t
 * prints it), handles in any domain from one process (a process belongs to the
 * domain that its environment names when it opens a handle), and waiting for
 * what a kill -9 leads to, which comes soon but not at once.
 */
#ifndef TESTS_PROG_SANDBOX_TEST_H
#define TESTS_PROG_SANDBOX_TEST_H

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#define PAGE 4096
#define NO_OFFSET UINT32_MAX
#define NO_PORT ((evtchn_port_t)-1)

static int failures;

static inline void ok(bool good, const char *what)
{
	printf("%s - %s\n", good ? "ok" : "not ok", what);
	if (!good)
		printf("# errno %d (%s)\n", errno, strerror(errno));
	failures += !good;
	fflush(stdout);
}

static inline void be(unsigned int domid)
{
	char s[16];

	snprintf(s, sizeof(s), "%u", domid);
	setenv("XSANDBOX_DOMID", s, 1);
}

/* A handle or page without which nothing works: NULL ends the test program. */
static inline void *must(void *p)
{
	if (!p) {
		printf("not ok - a handle or a page\n# %s\n", strerror(errno));
		exit(1);
	}
	return p;
}

static inline xengntshr_handle *shr_in(unsigned int domid)
{
	be(domid);
	return must(xengntshr_open(NULL, 0));
}

static inline xengnttab_handle *tab_in(unsigned int domid)
{
	be(domid);
	return must(xengnttab_open(NULL, 0));
}

static inline xenevtchn_handle *evt_in(unsigned int domid)
{
	be(domid);
	return must(xenevtchn_open(NULL, 0));
}

static inline bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents & POLLIN;
}

static inline bool readable_evt(xenevtchn_handle *x, int ms)
{
	return readable(xenevtchn_fd(x), ms);
}

/* The next pending port within a second, or -1. */
static inline int next_port(xenevtchn_handle *x)
{
	return readable_evt(x, 1000) ? xenevtchn_pending(x) : -1;
}

/* Waits up to two seconds until expr holds; then ok() says whether. */
#define eventually(expr, what)                    \
	do {                                      \
		int tries_ = 0;                   \
		while (!(expr) && ++tries_ < 400) \
			nap_ms(5);                \
		ok(expr, what);                   \
	} while (0)

/* Text at a place that is checked to be there. */
static inline void put_text(void *to, const char *text)
{
	memcpy(must(to), text, strlen(text) + 1);
}

static inline uint8_t peek(const void *p)
{
	return __atomic_load_n((const uint8_t *)p, __ATOMIC_ACQUIRE);
}

/*
 * A child process that runs child(), tells by a byte that it is ready and sleeps
 * until it is killed. Returns its pid when it is ready.
 */
static inline pid_t sleeper(void (*child)(void *arg), void *arg)
{
	int p[2];
	char c;
	pid_t pid;

	if (pipe(p) < 0)
		exit(1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		child(arg);
		if (write(p[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (pid < 0 || read(p[0], &c, 1) != 1) {
		printf("not ok - child process got ready\n");
		exit(1);
	}
	close(p[0]);
	return pid;
}

static inline void kill9(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline void *shared_memory(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

#endif
