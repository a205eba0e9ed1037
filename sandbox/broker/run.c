/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xsandbox run: one sandbox from start to end. The broker stays in front of the
 * command; when that ends, or a signal comes, everything is taken down.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/broker/control.h"

#define GRACE_SECONDS 3 /* for a command that got our signal */

struct broker broker = { .listener = -1 };

struct options {
	uint32_t domid;
	const char *name;
	uint8_t uuid[16];
	char **argv;
};

static void command_exited(struct spawn *s, int status)
{
	(void)s;
	broker.command = NULL;
	broker.exit_status = status;
	event_base_loopbreak(broker.base);
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	event_base_loopbreak(broker.base);
}

/* The first signal is passed on to the command, the second ends the patience. */
static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct timeval tv = { .tv_sec = GRACE_SECONDS };

	(void)what, (void)arg;
	if (broker.signalled || !broker.command) {
		event_base_loopbreak(broker.base);
		return;
	}
	broker.signalled = (int)sig;
	spawn_signal(broker.command, (int)sig);
	evtimer_add(broker.grace_ev, &tv);
}

/* Orphans of a domain whose init died come to us. */
static void on_child(evutil_socket_t sig, short what, void *arg)
{
	(void)sig, (void)what, (void)arg;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int signals_open(struct broker *b)
{
	b->chld_ev = evsignal_new(b->base, SIGCHLD, on_child, NULL);
	b->term_ev = evsignal_new(b->base, SIGTERM, on_signal, NULL);
	b->int_ev = evsignal_new(b->base, SIGINT, on_signal, NULL);
	b->hup_ev = evsignal_new(b->base, SIGHUP, on_signal, NULL);
	b->grace_ev = evtimer_new(b->base, on_grace, NULL);
	if (!b->chld_ev || !b->term_ev || !b->int_ev || !b->hup_ev || !b->grace_ev)
		return -ENOMEM;
	evsignal_add(b->chld_ev, NULL);
	evsignal_add(b->term_ev, NULL);
	evsignal_add(b->int_ev, NULL);
	evsignal_add(b->hup_ev, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void signals_close(struct broker *b)
{
	struct event *ev[] = {
		b->chld_ev, b->term_ev, b->int_ev, b->hup_ev, b->grace_ev,
	};
	size_t i;

	for (i = 0; i < sizeof(ev) / sizeof(ev[0]); i++)
		if (ev[i])
			event_free(ev[i]);
}

/* The path of a socket is at most 107 bytes long, so not every place will do. */
static int make_dir(struct broker *b)
{
	const char *place[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (!place[i] || place[i][0] != '/' || strlen(place[i]) > 60)
			continue;
		snprintf(b->dir, sizeof(b->dir), "%s/xsandbox-XXXXXX", place[i]);
		if (mkdtemp(b->dir))
			return 0;
	}
	b->dir[0] = '\0';
	return -errno;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

/* build/bin/xsandbox and build/sandbox, or PREFIX/bin and PREFIX/lib*. */
static int find_shims(struct broker *b)
{
	static const char *const place[] = {
		"../sandbox",
		"../lib/acctring/sandbox",
		"../lib/x86_64-linux-gnu/acctring/sandbox",
		"../lib64/acctring/sandbox",
	};
	char path[1200], *slash;
	ssize_t n = readlink("/proc/self/exe", b->self, sizeof(b->self) - 1);
	size_t i;

	if (n <= 0)
		return -errno;
	b->self[n] = '\0';
	slash = strrchr(b->self, '/');
	for (i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		char *real;

		snprintf(path, sizeof(path), "%.*s/%s/libxengnttab.so.1", (int)(slash - b->self),
			 b->self, place[i]);
		real = realpath(path, NULL);
		if (!real)
			continue;
		*strrchr(real, '/') = '\0';
		n = snprintf(b->shimdir, sizeof(b->shimdir), "%s", real);
		free(real);
		return n < (ssize_t)sizeof(b->shimdir) ? 0 : -ENAMETOOLONG;
	}
	return -ENOENT;
}

static void raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		broker.files = r;
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int start_command(struct broker *b, const struct options *o)
{
	const int fds[3] = { 0, 1, 2 };
	struct domain *d = domain_find(o->domid);
	struct spawn *s = calloc(1, sizeof(*s));
	struct envlist env = { 0 };
	int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), rc;

	rc = s && d ? spawn_env(d, environ, &env) : -ENOMEM;
	if (rc == 0) {
		s->exited = command_exited;
		rc = domain_spawn(d, o->argv, env.v, cwd, fds, s);
	}
	if (rc)
		free(s);
	else
		b->command = s;
	env_free(&env);
	if (cwd >= 0)
		close(cwd);
	return rc;
}

static int start(struct broker *b, const struct options *o)
{
	static const uint8_t zero[16];
	int rc;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	raise_files();
	rc = find_shims(b);
	if (rc)
		return fail(EXIT_ENVIRONMENT, "the shim libraries are not beside %s", b->self);
	rc = make_dir(b);
	if (rc)
		return fail(EXIT_ENVIRONMENT,
			    "no place for the sandbox's files in "
			    "$XDG_RUNTIME_DIR, $TMPDIR, /tmp: %s",
			    strerror(-rc));
	rc = loop_open(b);
	if (rc == 0)
		rc = signals_open(b);
	if (rc == 0)
		rc = modules_start(b);
	if (rc && rc != -ECANCELED)
		return fail(EXIT_RUNTIME, "cannot start: %s", strerror(-rc));
	if (rc == 0)
		rc = domain_create(0, "Domain-0", zero);
	if (rc == -ECANCELED)
		return EXIT_ENVIRONMENT; /* the module said why */
	if (rc)
		return fail(EXIT_ENVIRONMENT, "domain 0: %s", strerror(-rc));
	if (o->domid)
		rc = domain_create(o->domid, o->name, o->uuid);
	if (rc)
		return fail(EXIT_RUNTIME, "domain %u: %s", o->domid, strerror(-rc));
	rc = start_command(b, o);
	if (rc)
		return fail(EXIT_RUNTIME, "%s: %s", o->argv[0], strerror(-rc));
	return EXIT_OK;
}

/* What was killed came to us as orphans: leave no zombies to others. */
static void reap_all(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int tries, rc = 0;

	for (tries = 0; tries < 1000 && rc >= 0; tries++) {
		while ((rc = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (rc == 0)
			nanosleep(&ms, NULL);
	}
}

/* Domain 0 last: the others' pages may be mapped there. */
static void stop(struct broker *b)
{
	struct domain *d, *prev;

	b->stopping = true;
	if (b->base) {
		for (d = TAILQ_LAST(&b->domains, domain_list); d; d = prev) {
			prev = TAILQ_PREV(d, domain_list, link);
			domain_destroy(d);
		}
		modules_stop(b);
	}
	signals_close(b);
	loop_close(b);
	reap_all();
	if (b->dir[0])
		nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void usage(FILE *f)
{
	fprintf(f,
		"usage: xsandbox run [--domain N] [--name NAME] [--uuid UUID] -- COMMAND [ARG...]\n"
		"Starts a sandbox with domain 0 and, if N is not 0, domain N, runs COMMAND in\n"
		"domain N (default 0) and takes everything down when it ends. Exit code: that of\n"
		"COMMAND; 128 + signal; 1, 2 or 4 if the sandbox could not be started.\n");
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "domain", required_argument, NULL, 'd' },
		{ "name", required_argument, NULL, 'n' },
		{ "uuid", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char name[XSB_NAME];
	int c;

	uuid_random(o->uuid);
	while ((c = getopt_long(argc, argv, "+d:n:u:h", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(EXIT_OK);
		}
		if (c == 'd' && parse_domid(optarg, &o->domid))
			return fail(EXIT_USAGE,
				    "--domain %s: a number from 0 to %u "
				    "is allowed",
				    optarg, DOMID_MAX - 1);
		if (c == 'n' && strlen(optarg) >= XSB_NAME)
			return fail(EXIT_USAGE, "--name: at most %d bytes are allowed",
				    XSB_NAME - 1);
		if (c == 'u' && uuid_parse_text(optarg, o->uuid))
			return fail(EXIT_USAGE,
				    "--uuid %s: 32 hex digits are allowed, "
				    "with dashes or without",
				    optarg);
		if (c == 'n')
			o->name = optarg;
		if (c == '?')
			return EXIT_USAGE;
	}
	if (optind == argc)
		return fail(EXIT_USAGE, "run: a command is missing (see xsandbox run "
					"--help)");
	o->argv = argv + optind;
	snprintf(name, sizeof(name), "dom%u", o->domid);
	if (!o->name)
		o->name = name;
	return EXIT_OK;
}

int run_main(int argc, char **argv)
{
	struct options o = { 0 };
	int code = parse(argc, argv, &o);

	if (code)
		return code;
	code = start(&broker, &o);
	if (code == EXIT_OK) {
		event_base_dispatch(broker.base);
		code = broker.signalled ? 128 + broker.signalled
					: status_to_code(broker.exit_status);
	}
	stop(&broker);
	return code;
}
