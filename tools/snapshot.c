/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.c - the client of the accountant's socket; see snapshot.h.
 */
#include "tools/snapshot.h"

#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_TEXT (64u << 20)
#define TIMEOUT_S 5

const char *snap_path(const char *option)
{
	const char *env = getenv("ACCTRING_SOCKET");

	if (option)
		return option;
	return env && *env ? env : SNAP_SOCKET;
}

static int fail(char error[SNAP_ERROR], const char *path, const char *what)
{
	snprintf(error, SNAP_ERROR,
		 "%s: no accountant answers: %s; start acctringd in this domain, or name its "
		 "socket with --socket or ACCTRING_SOCKET",
		 path, what);
	return EXIT_ENV;
}

static int connect_to(const char *path, char error[SNAP_ERROR])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = TIMEOUT_S };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		snprintf(error, SNAP_ERROR, "%s: too long, allowed: a path of 1..%zu characters",
			 path, sizeof(addr.sun_path) - 1);
		return -EXIT_USAGE;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -fail(error, path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = errno;
		close(fd);
		return -fail(error, path, strerror(err));
	}
	return fd;
}

/* All that comes until the other side closes; NULL and errno. */
static char *read_all(int fd, size_t *len)
{
	size_t room = 65536, n = 0;
	char *text = malloc(room), *grown;
	ssize_t got;

	while (text) {
		got = read(fd, text + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || n + (size_t)got > MAX_TEXT) {
			if (got >= 0)
				errno = EFBIG;
			break;
		}
		if (!got) {
			*len = n;
			return text;
		}
		n += (size_t)got;
		if (n < room)
			continue;
		grown = realloc(text, room *= 2);
		if (!grown)
			break;
		text = grown;
	}
	free(text);
	return NULL;
}

int snap_get(const char *path, struct snapshot *s, char error[SNAP_ERROR])
{
	int fd = connect_to(path, error), status;
	size_t len;
	char *text;

	memset(s, 0, sizeof(*s));
	if (fd < 0)
		return -fd;
	text = read_all(fd, &len);
	if (!text)
		status = fail(error, path, errno == EAGAIN ? "timed out" : strerror(errno));
	close(fd);
	if (!text)
		return status;
	if (!len)
		status = fail(error, path, "it closed without a word");
	else
		status = snap_parse(text, len, s, error);
	free(text);
	return status;
}

int snap_command(const char *path, const char *line, char *reply, size_t size)
{
	char control[256], error[SNAP_ERROR];
	size_t len, n = strlen(line);
	char *text;
	int fd;

	snprintf(control, sizeof(control), "%s.control", path);
	fd = connect_to(control, error);
	if (fd < 0) {
		snprintf(reply, size, "%s", error);
		return -fd;
	}
	text = send(fd, line, n, MSG_NOSIGNAL) == (ssize_t)n ? read_all(fd, &len) : NULL;
	close(fd);
	if (!text || !len) {
		fail(error, control, text ? "it closed without a word" : strerror(errno));
		snprintf(reply, size, "%s", error);
		free(text);
		return EXIT_ENV;
	}
	len = len < size ? len : size - 1;
	memcpy(reply, text, len);
	reply[len] = 0;
	reply[strcspn(reply, "\n")] = 0;
	free(text);
	return 0;
}

void snap_guard(const struct snapshot *s, char text[SNAP_GUARD])
{
	char said[64] = "";
	size_t i, n;

	snprintf(text, SNAP_GUARD, "%s", s->guard);
	if (strcmp(s->guard_set, "auto") != 0)
		return;
	/* one word, but while some of the driver domains are not told yet */
	for (i = 0; i < s->domains; i++) {
		n = strlen(said);
		if (s->domain[i].mode[0] && !strstr(said, s->domain[i].mode))
			snprintf(said + n, sizeof(said) - n, "%s%s", n ? ", " : "",
				 s->domain[i].mode);
	}
	snprintf(text, SNAP_GUARD, "%s (auto: dom0 says %s)", s->guard, said[0] ? said : "nothing");
}

bool snap_only(struct snapshot *s, const char *driver)
{
	bool number;
	uint64_t domid;
	size_t i, k = 0;

	number = parse_u64(driver, DOMID_LAST, &domid);
	for (i = 0; i < s->domains; i++)
		if (number ? s->domain[i].domid == domid : !strcmp(s->domain[i].name, driver))
			break;
	if (i == s->domains)
		return false;
	s->domain[0] = s->domain[i];
	s->domains = 1;
	for (i = 0; i < s->vms; i++) {
		if (s->vm[i].backend == s->domain[0].domid)
			s->vm[k++] = s->vm[i];
		else
			free(s->vm[i].account);
	}
	s->vms = k;
	return true;
}
