/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_mode.c - acctctl observe, guard, debt, off; acctctl restore.
 */
#include "collector/actuate.h"
#include "collector/config.h"
#include "collector/lock.h"
#include "common/log.h"
#include "tools/ask.h"
#include "tools/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int set(const char *mode)
{
	struct ask a;
	int status = ask(&a, "mode %s", mode);

	if (status)
		log_error("%s", a.first);
	else
		ask_end(&a);
	return status;
}

int cmd_mode(int argc, char **argv)
{
	struct common o;

	common_parse(&o, argc, argv, 0);
	return set(strcmp(argv[0], "off") ? argv[0] : "observe");
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
			ask_end(&a);
		/* nobody answers: a collector that was killed, and its watchdog is at work */
		err = status == EXIT_ENV ? lock_wait(why, sizeof(why)) : 0;
		if (status && (err || status != EXIT_ENV))
			die(status, "%s", a.first);
		if (!status)
			return 0;
	}
	if (err)
		die(EXIT_ENV, "%s", why);
	return restore_ourselves(o.argument);
}
