/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - acctringd's command line.
 */
#include "accountant/worker.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/option.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: acctringd [OPTION]...\n"
	"Reads what backends post, keeps the ledger, hands dom0 its statement.\n"
	"\n"
	"  -c, --config FILE    configuration (default " CONF_DEFAULT ")\n"
	"  -d, --database FILE  ledger, instead of the configured one\n"
	"  -s, --socket PATH    snapshot socket, instead of the configured one\n"
	"  -n, --check          check the configuration and exit\n"
	"      --syslog         log to syslog instead of stderr\n"
	"  -v, --verbose        log more\n"
	"      --help           this text\n"
	"      --version        version\n"
	"\n"
	"Exit codes: 0 ok, 1 run time, 2 command line, 3 configuration, 4 environment: no Xen,\n"
	"store or device, a ledger or socket that another acctringd uses, or that cannot be "
	"used.\n";

enum { OPT_HELP = 256, OPT_VERSION, OPT_SYSLOG, OPT_WORKER };

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "database", required_argument, NULL, 'd' },
	{ "socket", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, 'n' },
	{ "syslog", no_argument, NULL, OPT_SYSLOG },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "worker", required_argument, NULL, OPT_WORKER }, /* from the holder */
	{ NULL, 0, NULL, 0 },
};

static void option(struct options *o, int c)
{
	uint64_t fd;

	switch (c) {
	case 'c':
		o->file = optarg;
		break;
	case 'd':
		o->database = optarg;
		break;
	case 's':
		o->socket = optarg;
		break;
	case 'n':
		o->check = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case OPT_SYSLOG:
		o->syslog = true;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	case OPT_VERSION:
		puts("acctringd " ACCTRING_VERSION);
		exit(0);
	case OPT_WORKER:
		if (!parse_u64(optarg, 65535, &fd) || fcntl((int)fd, F_SETFD, FD_CLOEXEC))
			die(EXIT_USAGE, "--worker: unknown option, allowed: see acctringd --help");
		o->worker = (int)fd;
		break;
	default:
		die_option(o->argv);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .argv = argv, .worker = -1 };
	struct conf conf;
	char *error;
	int c;

	log_init("acctringd", false, false);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:d:s:nv", longs, NULL)) != -1)
		option(&o, c);
	if (optind < argc)
		die(EXIT_USAGE, "%s: unexpected argument, allowed: options, see acctringd --help",
		    argv[optind]);
	if ((o.database && !*o.database) || (o.socket && (!*o.socket || strlen(o.socket) > 99)))
		die(EXIT_USAGE, "%s: empty or too long, allowed: a path, a socket's of 1..99 bytes",
		    o.database && !*o.database ? "--database" : "--socket");
	log_init("acctringd", o.syslog, o.verbose);
	if (!settings_load(&conf, &o, &error))
		die(EXIT_CONFIG, "%s", error ? error : "out of memory");
	settings_free(&conf);
	if (o.check)
		return 0;
	return o.worker >= 0 ? worker_main(&o, o.worker) : holder_main(&o);
}
