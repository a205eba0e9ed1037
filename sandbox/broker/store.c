/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store is Debian's own C xenstored, a process of domain 0 as on most
 * hosts: its CPU time is domain 0's.  It finds our libraries in place of
 * Xen's, and two files in place of /proc/xen/xsd_port and xsd_kva.
 *
 * It is ready when it prints its pid (-P): its socket listens then and it has
 * introduced domain 0 to itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/broker/broker.h"
#include "sandbox/broker/store.h"

#define XENSTORED_GLOB "/usr/lib/xen-*/bin/xenstored"
#define READY_SECONDS 10

static struct {
	struct spawn *daemon;
	char program[256];
	int err; /* of the start; 1 = not there yet */
	bool up;
} store;

/* The last line of its log: xenstored says why before it exits. */
static void last_words(char *buf, size_t size)
{
	char path[300], *nl;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/" STORE_DIR "/log", broker.dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		lseek(fd, -(off_t)(size - 1), SEEK_END);
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	while (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	nl = strrchr(buf, '\n');
	if (nl)
		memmove(buf, nl + 1, strlen(nl));
	if (!*buf)
		snprintf(buf, size, "it did not say why");
}

static void on_exit_of_daemon(struct spawn *s, int status)
{
	char words[256];

	(void)s;
	store.daemon = NULL;
	store_disconnect();
	if (store.err > 0)
		store.err = -EIO;
	/* store_domain_create() says it if it did not come up */
	if (!store.up || broker.stopping)
		return;
	last_words(words, sizeof(words));
	if (WIFSIGNALED(status))
		say("xenstored died of signal %d: %s", WTERMSIG(status), words);
	else
		say("xenstored exited with %d: %s", WEXITSTATUS(status), words);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	char buf[64];

	(void)what, (void)arg;
	if (read(fd, buf, sizeof(buf)) > 0 && store.err > 0)
		store.err = 0;
	else if (store.err > 0)
		store.err = -EIO;
}

static void on_tree(void *arg, int err)
{
	*(int *)arg = err;
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	int *state = arg;

	(void)fd, (void)what;
	*state = -ETIMEDOUT;
}

/* Run the loop, which nothing else does yet, until *@state is decided. */
static int wait_for(int *state)
{
	const struct timeval bound = { .tv_sec = READY_SECONDS };
	struct event *late = evtimer_new(broker.base, on_late, state);

	if (!late || evtimer_add(late, &bound))
		*state = -ENOMEM;
	while (*state > 0)
		event_base_loop(broker.base, EVLOOP_ONCE);
	if (late)
		event_free(late);
	return *state;
}

static int write_file(const char *name, const char *text, size_t len)
{
	char path[300];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "%s/" STORE_DIR "/%s", broker.dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		rc = -EIO;
	close(fd);
	return rc;
}

/* Domain 0's ring page and port: its kernel's, used by nobody here. */
static int make_xsd(struct domain *d)
{
	static const char page[XSB_PAGE];
	char text[16];
	int port = event_alloc_internal(d, 0, NULL, NULL), rc;

	if (port < 0)
		return port;
	snprintf(text, sizeof(text), "%d", port);
	rc = write_file("xsd_port", text, strlen(text));
	return rc ? rc : write_file("xsd_kva", page, sizeof(page));
}

static int daemon_env(struct domain *d, struct envlist *env)
{
	extern char **environ;
	char path[sizeof(broker.shimdir) + 32];
	int rc = spawn_env(d, environ, env);

	snprintf(path, sizeof(path), "%s/xsd-preload.so", broker.shimdir);
	if (!rc)
		rc = env_set(env, "LD_PRELOAD", path);
	snprintf(path, sizeof(path), "%s/" STORE_DIR, broker.dir);
	if (!rc)
		rc = env_set(env, "XSANDBOX_XSD", path);
	if (!rc)
		rc = env_set(env, "XENSTORED_RUNDIR", path);
	return rc;
}

/* @out: where it prints its pid. */
static int spawn_daemon(struct domain *d, int out)
{
	char *argv[] = { store.program, "-N", "-P", NULL };
	struct envlist env = { 0 };
	char path[300];
	int fds[3] = { -1, out, -1 }, rc;

	snprintf(path, sizeof(path), "%s/" STORE_DIR "/log", broker.dir);
	fds[2] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fds[2] < 0)
		return -errno;
	store.daemon = calloc(1, sizeof(*store.daemon));
	rc = store.daemon ? daemon_env(d, &env) : -ENOMEM;
	if (!rc) {
		store.daemon->exited = on_exit_of_daemon;
		rc = domain_spawn(d, argv, env.v, -1, fds, store.daemon);
	}
	if (rc) {
		free(store.daemon);
		store.daemon = NULL;
	}
	env_free(&env);
	close(fds[2]);
	return rc;
}

static int run_daemon(struct domain *d)
{
	struct event *ev;
	int pipefd[2], rc;

	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	ev = event_new(broker.base, pipefd[0], EV_READ, on_ready, NULL);
	store.err = 1;
	rc = ev && !event_add(ev, NULL) ? spawn_daemon(d, pipefd[1]) : -ENOMEM;
	close(pipefd[1]);
	if (!rc)
		rc = wait_for(&store.err);
	if (ev)
		event_free(ev);
	close(pipefd[0]);
	return rc;
}

static int store_domain_create(struct domain *d)
{
	char path[300], words[256];
	static int tree; /* on_tree() may still come after the bound */
	int rc;

	tree = 1;
	if (d->domid)
		return 0;
	rc = make_xsd(d);
	if (!rc)
		rc = run_daemon(d);
	snprintf(path, sizeof(path), "%s/" STORE_SOCKET, broker.dir);
	if (!rc)
		rc = store_connect(broker.base, path);
	if (!rc)
		rc = store_tree_make(d, 0, on_tree, &tree) ? wait_for(&tree) : -ENOMEM;
	if (rc) {
		last_words(words, sizeof(words));
		say("%s does not start (%s): %s", store.program, strerror(-rc), words);
		return -ECANCELED;
	}
	store.up = true;
	return 0;
}

static int store_start(struct broker *b)
{
	const char *set = getenv("XSANDBOX_XENSTORED");
	char path[300];
	glob_t g;

	if (set) {
		snprintf(store.program, sizeof(store.program), "%s", set);
	} else if (!glob(XENSTORED_GLOB, 0, NULL, &g)) {
		/* sorted: the newest is the last */
		snprintf(store.program, sizeof(store.program), "%s", g.gl_pathv[g.gl_pathc - 1]);
		globfree(&g);
	}
	if (!*store.program || access(store.program, X_OK)) {
		say("no xenstored: %s: install the package xen-utils-4.17",
		    set ? set : XENSTORED_GLOB);
		return -ECANCELED;
	}
	snprintf(path, sizeof(path), "%s/" STORE_DIR, b->dir);
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static void store_domain_dead(struct domain *d)
{
	if (!d->domid) {
		store.up = false;
		store_disconnect();
	} else {
		store_tree_remove(d);
	}
}

static void remove_files(struct broker *b)
{
	static const char *const names[] = {
		"xsd_port", "xsd_kva", "log", "socket", "tdb", NULL,
	};
	char path[300];
	int i;

	for (i = 0; names[i]; i++) {
		snprintf(path, sizeof(path), "%s/" STORE_DIR "/%s", b->dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/" STORE_DIR, b->dir);
	rmdir(path);
}

static void store_stop(struct broker *b)
{
	store_disconnect();
	remove_files(b);
}

static void store_domain_env(struct domain *d, struct envlist *env)
{
	char path[300];

	if (d->domid)
		return; /* xenbus_dom.c: a socket of its own */
	snprintf(path, sizeof(path), "%s/" STORE_SOCKET, broker.dir);
	env_set(env, "XENSTORED_PATH", path);
}

const struct module store_module = {
	.name = "store",
	.start = store_start,
	.stop = store_stop,
	.domain_create = store_domain_create,
	.domain_dead = store_domain_dead,
	.domain_env = store_domain_env,
};
