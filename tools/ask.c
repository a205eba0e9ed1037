/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ask.c - see ask.h.
 */
#include "tools/ask.h"

#include "collector/lock.h"
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_S 20 /* it may be giving back what it took from a hundred VMs */

static int nobody(struct ask *a, const char *path)
{
	snprintf(a->first, sizeof(a->first),
		 "%.300s: %s, allowed: in dom0, while acctring-collector runs", path,
		 strerror(errno));
	ask_end(a);
	return EXIT_ENV;
}

static int call(struct ask *a, const char *line)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval most = { ANSWER_S, 0 };

	a->in = NULL;
	a->fd = -1;
	errno = ENAMETOOLONG;
	if (!lock_dir_path(at.sun_path, sizeof(at.sun_path), CONTROL_SOCKET))
		return nobody(a, CONTROL_SOCKET);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&at, sizeof(at)))
		return nobody(a, at.sun_path);
	setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	if (send(a->fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
		return nobody(a, at.sun_path);
	a->in = fdopen(a->fd, "r");
	if (!a->in || !fgets(a->first, sizeof(a->first), a->in))
		return nobody(a, at.sun_path);
	return 0;
}

int ask(struct ask *a, const char *fmt, ...)
{
	char line[ASK_TEXT];
	va_list ap;
	int n, status;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(line) - 1)
		die(EXIT_USAGE, "a word is too long");
	line[n] = '\n';
	line[n + 1] = '\0';
	status = call(a, line);
	if (status)
		return status;
	a->first[strcspn(a->first, "\n")] = '\0';
	if (!strncmp(a->first, "ok", 2)) {
		memmove(a->first, a->first + 2, strlen(a->first + 2) + 1);
		return 0;
	}
	if (!strncmp(a->first, "error: ", 7))
		memmove(a->first, a->first + 7, strlen(a->first + 7) + 1);
	ask_end(a);
	return EXIT_RUNTIME;
}

int ask_say(struct ask *a, int status)
{
	if (status) {
		log_error("%s", a->first);
		return status;
	}
	if (a->first[0] == ' ') /* an older collector says no more than ok */
		puts(a->first + 1);
	ask_end(a);
	return 0;
}

void ask_end(struct ask *a)
{
	if (a->in)
		fclose(a->in);
	else if (a->fd >= 0)
		close(a->fd);
	a->in = NULL;
	a->fd = -1;
}
