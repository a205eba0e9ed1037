/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-collector - dom0's part: says which domain accounts for which
 * driver domain and whom it serves, reads statements, writes bills.
 */
#include "collector/collector.h"
#include "collector/keep.h"
#include "collector/lock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "acctring-collector"
#define ALLOWED "-c FILE, -n, --restore, --syslog, -v, --help, --version"

static const char help_text[] =
	"Usage: " NAME " [OPTION]...\n"
	"Says in xenstore who serves whom, and writes each VM's bill (runs in dom0).\n\n"
	"  -c, --config FILE  configuration, " CONFIG_PATH "\n"
	"  -n, --check        only check the configuration\n"
	"      --restore      give VMs back what a collector took that runs no more, and end\n"
	"      --syslog       messages to syslog, not to stderr\n"
	"  -v, --verbose      more messages\n"
	"      --help         this text\n"
	"      --version      the version\n\n"
	"SIGHUP reads the configuration again, SIGTERM stops.\n"
	"Exit status: 0 stopped, 1 failed while running, 2 command line,\n"
	"3 configuration, 4 no Xen, no xenstore, or another collector runs.\n";

struct options {
	const char *file;
	bool check, restore, syslog, verbose;
};

enum { OPT_SYSLOG = 256, OPT_RESTORE, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },    { "check", no_argument, NULL, 'n' },
	{ "restore", no_argument, NULL, OPT_RESTORE }, { "syslog", no_argument, NULL, OPT_SYSLOG },
	{ "verbose", no_argument, NULL, 'v' },	       { "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION }, { NULL, 0, NULL, 0 },
};

static void parse_options(int argc, char **argv, struct options *o)
{
	int opt, at = 1;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:c:nvh", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->file = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case OPT_RESTORE:
			o->restore = true;
			break;
		case OPT_SYSLOG:
			o->syslog = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help_text, stdout);
			exit(0);
		case OPT_VERSION:
			puts(NAME " " ACCTRING_VERSION);
			exit(0);
		case ':':
			die(EXIT_USAGE, "%s: needs a value, allowed: " ALLOWED, argv[at]);
		default:
			die(EXIT_USAGE, "%s: unknown option, allowed: " ALLOWED, argv[at]);
		}
		at = optind;
	}
	if (optind < argc)
		die(EXIT_USAGE, "%s: unexpected argument, allowed: " ALLOWED, argv[optind]);
}

static void quiet_message(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
			  const char *context, const char *format, va_list al)
	__attribute__((format(printf, 5, 0)));
static void quiet_message(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
			  const char *context, const char *format, va_list al)
{
	char text[256];

	(void)logger;
	(void)level;
	(void)errnoval;
	vsnprintf(text, sizeof(text), format, al);
	log_debug("%s: %s", context ? context : "xen", text);
}

static void quiet_destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

/* What Xen's libraries say is told when asked for; our own line says what failed. */
static struct xentoollog_logger quiet = { quiet_message, NULL, quiet_destroy };

static void open_xen(struct collector *c)
{
	int err;

	c->xsh = xs_open(0);
	if (!c->xsh)
		die(EXIT_ENV, "xenstore: cannot connect: %s, allowed: dom0 of a running Xen",
		    strerror(errno));
	c->xc = xc_interface_open(&quiet, &quiet, 0);
	if (!c->xc)
		die(EXIT_ENV, "libxenctrl: cannot open: %s, allowed: dom0 of a running Xen",
		    strerror(errno));
	err = domains_read(&c->domains, NULL, c->xc, c->xsh);
	if (err)
		die(EXIT_ENV, "libxenctrl: cannot list domains: %s, allowed: dom0 of a running Xen",
		    strerror(-err));
	c->gnttab = xengnttab_open(&quiet, 0);
	if (!c->gnttab)
		die(EXIT_ENV, "/dev/xen/gntdev: cannot open: %s, allowed: module xen-gntdev loaded",
		    strerror(errno));
}

static void close_xen(struct collector *c)
{
	sources_free(c);
	xengnttab_close(c->gnttab);
	xc_interface_close(c->xc);
	xs_close(c->xsh);
	serving_free(&c->serving);
	domains_free(&c->domains);
	config_free(&c->config);
	free(c->tree);
	free(c->limit);
	free(c->pair);
	free(c->account);
}

/* acctring-collector --watchdog FD DIRECTORY: see watchdog.c */
static void be_watchdog(int argc, char **argv)
{
	uint64_t fd;

	if (argc == 4 && !strcmp(argv[1], "--watchdog") && parse_u64(argv[2], INT_MAX, &fd))
		exit(watchdog_main((int)fd, argv[3]));
}

/*
 * After a collector that cannot do it any more: its unit's ExecStopPost.  What is
 * wrong with the configuration (then entitlements is NULL) keeps nobody from
 * having their own.
 */
static int restore(const char *entitlements, const char *error)
{
	char why[512], path[PATH_MAX];
	int err;

	signal(SIGPIPE, SIG_IGN);
	err = lock_wait(why, sizeof(why));
	if (err == -EWOULDBLOCK) {
		log_info("%s: it gives back what is not its own", why);
		return 0;
	}
	if (err)
		die(EXIT_ENV, "%s", why);
	if (!entitlements) {
		keep_find(path);
		log_warn("%s (giving back what is kept in %s)", error ? error : "no memory", path);
		entitlements = path;
	}
	return actuate_restore_from(entitlements, "restore");
}

int main(int argc, char **argv)
{
	static struct collector c;
	struct options o = { 0 };
	bool defaulted;
	char *error, why[512];
	bool ok;
	int status;

	log_init(NAME, false, false);
	be_watchdog(argc, argv);
	parse_options(argc, argv, &o);
	log_init(NAME, o.syslog, o.verbose);
	c.file = o.file;
	ok = config_load(&c.config, c.file, &defaulted, &error);
	if (o.restore && !o.check) {
		status = restore(c.config.debt.entitlements, error);
		free(error);
		config_free(&c.config);
		return status;
	}
	if (!ok)
		die(EXIT_CONFIG, "%s", error ? error : "no memory");
	if (defaulted)
		log_info("there is no " CONFIG_PATH ": dom0 serves itself");
	if (o.check) {
		config_free(&c.config);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	open_xen(&c);
	if (lock_wait(why, sizeof(why)))
		die(EXIT_ENV, "%s", why);
	status = collector_run(&c);
	close_xen(&c);
	return status;
}
