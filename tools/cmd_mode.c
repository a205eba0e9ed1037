/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_mode.c - acctctl observe, guard, debt, off; acctctl restore.
 */
#include "collector/actuate.h"
#include "collector/config.h"
#include "collector/keep.h"
#include "collector/lock.h"
#include "collector/release.h"
#include "common/log.h"
#include "tools/ask.h"
#include "tools/command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Nobody answers, and none begins meanwhile: we have the lock.  What an earlier collector said
 * stays in the store, and limits act by it; what it took, its watchdog gave back, if it could.
 * `why` nobody answers is the error where nothing was said, or it is not for us.
 */
static int off_ourselves(const char *why)
{
	struct xs_handle *xsh;
	char text[512], path[PATH_MAX];
	int n = -EPERM, status = 0;
	enum mode was;

	xsh = lock_wait(text, sizeof(text)) ? NULL : xs_open(0);
	if (xsh) {
		n = mode_release(xsh, &was);
		xs_close(xsh);
	}
	if (n < 0 && n != -EPERM && n != -EACCES)
		log_error("xenstore: the mode cannot be taken back: %s", strerror(-n));
	else if (n <= 0)
		log_error("%s", why);
	if (n <= 0)
		return EXIT_ENV;
	if (was == MODE_DEBT) {
		keep_find(path);
		status = actuate_restore_from(path, "acctctl off");
	}
	printf("mode observe, was %s; no collector runs\n", mode_name(was));
	return status;
}

int cmd_mode(int argc, char **argv)
{
	struct common o;
	struct ask a;
	bool off;
	int status;

	common_parse(&o, argc, argv, 0);
	off = !strcmp(argv[0], "off") || !strcmp(argv[0], mode_name(MODE_OBSERVE));
	status = ask(&a, "mode %s", off ? mode_name(MODE_OBSERVE) : argv[0]);
	if (status == EXIT_ENV && off)
		return off_ourselves(a.first);
	return ask_say(&a, status);
}

/* Where the collector would. */
static char *directory(void)
{
	struct config config;
	bool defaulted;
	char *error, *path;

	if (!config_load(&config, NULL, &defaulted, &error))
		die(EXIT_CONFIG, "%s", error ? error : "no memory");
	path = strdup(config.debt.entitlements);
	config_free(&config);
	if (!path)
		die(EXIT_RUNTIME, "no memory");
	return path;
}

/* No collector runs, and none begins meanwhile: we have its lock. */
static int restore_ourselves(const char *given)
{
	char *path = given ? strdup(given) : directory();
	int status;

	if (given && access(given, R_OK | X_OK))
		die(EXIT_ENV, "%s: %s, allowed: as `entitlements` of collector.conf", given,
		    strerror(errno));
	status = path ? actuate_restore_from(path, "acctctl restore") : EXIT_RUNTIME;

	free(path);
	return status;
}

int cmd_restore(int argc, char **argv)
{
	struct common o;
	struct ask a;
	char why[512];
	int err, status = EXIT_ENV;

	common_parse(&o, argc, argv, TAKES_ARGUMENT);
	err = lock_take(why, sizeof(why));
	if (err == -EWOULDBLOCK) {
		status = ask(&a, "mode observe");
		if (!status)
			return ask_say(&a, 0);
		/* nobody answers: a collector that was killed, and its watchdog is at work */
		err = status == EXIT_ENV ? lock_wait(why, sizeof(why)) : 0;
		if (err || status != EXIT_ENV)
			die(status, "%s", a.first);
	}
	if (err)
		die(EXIT_ENV, "%s", why);
	return restore_ourselves(o.argument);
}
