/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of environment strings, and the broker's messages. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/broker/broker.h"

void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "xsandbox: %s\n", line);
}

static char **find(const struct envlist *e, const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < e->n; i++)
		if (strncmp(e->v[i], name, n) == 0 && e->v[i][n] == '=')
			return &e->v[i];
	return NULL;
}

/* Takes s over; the vector stays NULL-terminated. */
static int append(struct envlist *e, char *s)
{
	if (!s)
		return -ENOMEM;
	if (e->n + 2 > e->room) {
		size_t room = e->room ? 2 * e->room : 64;
		char **v = realloc(e->v, room * sizeof(*v));

		if (!v) {
			free(s);
			return -ENOMEM;
		}
		e->v = v;
		e->room = room;
	}
	e->v[e->n++] = s;
	e->v[e->n] = NULL;
	return 0;
}

int env_set(struct envlist *e, const char *name, const char *value)
{
	char **old = find(e, name), *s;

	if (asprintf(&s, "%s=%s", name, value) < 0)
		return -ENOMEM;
	if (!old)
		return append(e, s);
	free(*old);
	*old = s;
	return 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

int env_rundir(struct envlist *e, const char *dir, unsigned int domid)
{
	char path[2048];

	/* libacctring makes it; each domain its own, as on hosts of their own */
	snprintf(path, sizeof(path), "%s/acctring.%u", dir, domid);
	return env_set(e, "ACCTRING_RUNDIR", path);
}

int env_path(struct envlist *e, const char *program)
{
	const char *old = env_get(e, "PATH");
	int n = (int)(strrchr(program, '/') - program), rc;
	char *path;

	if (!old || !*old)
		old = "/bin:/usr/bin"; /* as execvp() takes it */
	if (asprintf(&path, "%s:%.*s", old, n, program) < 0)
		return -ENOMEM;
	/* a sandbox in a sandbox, or exec in exec: once is enough */
	rc = ends_with(old, path + strlen(old)) ? 0 : env_set(e, "PATH", path);
	free(path);
	return rc;
}

const char *env_get(const struct envlist *e, const char *name)
{
	char **s = find(e, name);

	return s ? *s + strlen(name) + 1 : NULL;
}

int env_copy(struct envlist *e, char *const *from)
{
	int rc = 0;

	for (; from && *from && rc == 0; from++)
		rc = append(e, strdup(*from));
	return rc;
}

void env_free(struct envlist *e)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		free(e->v[i]);
	free(e->v);
	memset(e, 0, sizeof(*e));
}
