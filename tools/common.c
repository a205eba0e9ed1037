/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * common.c - what the sub-commands share; see command.h.
 */
#include "common/log.h"
#include "tools/command.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t interrupted;

enum {
	OPT_SOCKET = 256,
	OPT_FROM,
	OPT_JSON,
	OPT_WATCH,
	OPT_DRIVER,
	OPT_CLEAR,
	OPT_LIST,
	OPT_BASIS,
	OPT_HELP
};

static const struct option longs[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "verbose", no_argument, NULL, 'v' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "watch", optional_argument, NULL, OPT_WATCH },
	{ "driver", required_argument, NULL, OPT_DRIVER },
	{ "clear", no_argument, NULL, OPT_CLEAR },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "basis", no_argument, NULL, OPT_BASIS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static _Noreturn void usage(const char *command, const char *word, const char *what)
{
	die(EXIT_USAGE, "%s: %s: %s, allowed: %s", command, word, what,
	    command_find(command)->options);
}

static double parse_seconds(const char *command, const char *text)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (end == text || *end)
		die(EXIT_USAGE, "%s: --watch: \"%s\" is not a number, allowed: 0.1..3600 seconds",
		    command, text);
	if (errno || !(value >= 0.1 && value <= 3600))
		die(EXIT_USAGE, "%s: --watch: \"%s\" is out of range, allowed: 0.1..3600 seconds",
		    command, text);
	return value;
}

/* --watch 2 as well as --watch=2. */
static double watch_seconds(int argc, char **argv)
{
	if (optarg)
		return parse_seconds(argv[0], optarg);
	if (optind < argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
		return parse_seconds(argv[0], argv[optind++]);
	return 1;
}

static void take_source(struct common *o, int opt, const char *command, unsigned int takes)
{
	static const char *const option[] = { "--socket", "--from", "--verbose" };

	if (!(takes & TAKES_SOURCE) && !(takes & TAKES_SOCKET && opt == OPT_SOCKET))
		usage(command, option[opt == 'v' ? 2 : opt - OPT_SOCKET], "unknown option");
	if (opt == 'v')
		log_init("acctctl", false, true);
	else if (opt == OPT_SOCKET)
		o->socket = optarg;
	else
		o->from = optarg;
	if (o->from && strcmp(o->from, "socket") != 0 && strcmp(o->from, "store") != 0)
		die(EXIT_USAGE, "%s: --from: \"%s\" is unknown, allowed: socket, store", command,
		    o->from);
	if (o->from && o->socket && strcmp(o->from, "store") == 0)
		die(EXIT_USAGE, "%s: --socket with --from store, allowed: one of them", command);
}

static void take_option(struct common *o, int opt, int argc, char **argv, unsigned int takes)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	/* a letter may stand among others: the word is not it */
	const char *word = optopt > 0 && optopt < 256 ? letter : argv[optind - 1];

	switch (opt) {
	case OPT_SOCKET:
	case OPT_FROM:
	case 'v':
		take_source(o, opt, argv[0], takes);
		return;
	case OPT_JSON:
		if (!(takes & TAKES_JSON))
			usage(argv[0], "--json", "unknown option");
		o->json = true;
		return;
	case OPT_WATCH:
		if (!(takes & TAKES_WATCH))
			usage(argv[0], "--watch", "unknown option");
		o->watch = true;
		o->seconds = watch_seconds(argc, argv);
		return;
	case OPT_DRIVER:
		if (!(takes & TAKES_DRIVER))
			usage(argv[0], "--driver", "unknown option");
		o->driver = optarg;
		return;
	case OPT_BASIS:
		if (!(takes & TAKES_BASIS))
			usage(argv[0], "--basis", "unknown option");
		o->basis = true;
		return;
	case OPT_CLEAR:
	case OPT_LIST:
		if (!(takes & TAKES_LIMIT))
			usage(argv[0], opt == OPT_LIST ? "--list" : "--clear", "unknown option");
		*(opt == OPT_LIST ? &o->list : &o->clear) = true;
		return;
	case OPT_HELP:
		exit(cmd_help(2, (char *[]){ (char *)"help", argv[0], NULL }));
	case ':':
		usage(argv[0], word, "needs a value");
	default:
		usage(argv[0], word, "unknown option");
	}
}

void common_parse(struct common *o, int argc, char **argv, unsigned int takes)
{
	int opt;

	memset(o, 0, sizeof(*o));
	opterr = 0;
	optind = 0; /* GNU: begin anew, with another argv */
	while ((opt = getopt_long(argc, argv, ":v", longs, NULL)) != -1)
		take_option(o, opt, argc, argv, takes);
	if (optind < argc && takes & TAKES_ARGUMENT)
		o->argument = argv[optind++];
	if (optind < argc && takes & TAKES_LIMIT)
		o->second = argv[optind++];
	if (optind < argc)
		usage(argv[0], argv[optind], "unexpected argument");
}

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

void watch_begin(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool watch_sleep(double seconds)
{
	struct timespec ts = { (time_t)seconds, 0 };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	if (!interrupted)
		nanosleep(&ts, NULL);
	return !interrupted;
}
