/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/place.h"

#include "accountant/conf.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Others than we need it: backends' locks are in /run/acctring as well. */
static bool make(const char *dir)
{
	if (mkdir(dir, 0755))
		return errno == EEXIST;
	return !chmod(dir, 0755); /* whatever the umask */
}

void place_ready(const char *key, const char *path)
{
	char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
	bool ours;

	if (!slash || slash == dir) { /* here, or in the root */
		free(dir);
		return;
	}
	*slash = '\0';
	ours = !strcmp(dir, DATABASE_DIR) || !strcmp(dir, SOCKET_DIR);
	if (access(dir, F_OK) && errno == ENOENT && (!ours || !make(dir)))
		die(EXIT_ENV, "%s %s: directory %s: %s: make it", key, path, dir, strerror(errno));
	free(dir);
}
