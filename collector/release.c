/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * release.c - see release.h.
 */
#include "collector/release.h"

#include "common/kv.h"
#include "common/xs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOMAINS "/local/domain"
#define PATH_SIZE 96
#define LINE_SIZE 256
#define TRIES 4

struct pass {
	struct xs_handle *xsh;
	xs_transaction_t t;
	enum mode was;
	int changed;
	int err; /* the first, -errno */
};

static char **list(struct pass *p, const char *path, unsigned int *n)
{
	char **names;

	*n = 0;
	errno = 0;
	names = xs_directory(p->xsh, p->t, path, n);
	if (!names && errno && errno != ENOENT && !p->err)
		p->err = -errno;
	return names;
}

/* The line without that word, and with `instead` in its place, if any. */
static void replace(char to[LINE_SIZE], const char *line, const char *word, const char *instead)
{
	const char *at = strstr(line, word);
	size_t head = (size_t)(at - line);

	snprintf(to, LINE_SIZE, "%.*s%s%s", (int)head, line, instead, at + strlen(word));
}

/* One node: it may say a mode. */
static void look(struct pass *p, const char *path, const char *instead)
{
	char *line = xs_read(p->xsh, p->t, path, NULL), word[16], said[24], fresh[LINE_SIZE];
	enum mode mode;

	if (line && kv_is_v1(line) && strlen(line) < LINE_SIZE &&
	    kv_get(line, "mode", word, sizeof(word)) && strcmp(word, mode_name(MODE_OBSERVE))) {
		if (mode_parse(word, &mode) && mode > p->was)
			p->was = mode;
		snprintf(said, sizeof(said), " mode=%s", word);
		replace(fresh, line, said, instead);
		p->changed++;
		if (!xs_write(p->xsh, p->t, path, fresh, (unsigned int)strlen(fresh)) && !p->err)
			p->err = -errno;
	}
	free(line);
}

/* What stands at one domain about the driver domains that it accounts for. */
static void look_at(struct pass *p, const char *domid)
{
	char path[PATH_SIZE], **names;
	unsigned int i, n;
	uint64_t number;

	if (!parse_u64(domid, DOMID_LAST, &number))
		return;
	snprintf(path, sizeof(path), DOMAINS "/%s/acctring/backend", domid);
	names = list(p, path, &n);
	for (i = 0; i < n; i++) {
		if (!parse_u64(names[i], DOMID_LAST, &number))
			continue;
		snprintf(path, sizeof(path), DOMAINS "/%s/acctring/backend/%s", domid, names[i]);
		look(p, path, "");
	}
	free(names);
}

static int pass(struct pass *p)
{
	unsigned int i, n;
	char **names;

	p->t = xs_transaction_start(p->xsh);
	if (!p->t)
		return -errno;
	look(p, MODE_NODE, " mode=observe");
	names = list(p, DOMAINS, &n);
	for (i = 0; i < n; i++)
		look_at(p, names[i]);
	free(names);
	if (!xs_transaction_end(p->xsh, p->t, p->err != 0) && !p->err)
		p->err = -errno;
	return p->err ? p->err : p->changed;
}

int mode_release(struct xs_handle *xsh, enum mode *was)
{
	struct pass p = { 0 };
	int ret = -EAGAIN, tries;

	for (tries = 0; tries < TRIES && ret == -EAGAIN; tries++) {
		p = (struct pass){ .xsh = xsh };
		ret = pass(&p);
	}
	*was = ret < 0 ? MODE_OBSERVE : p.was;
	return ret;
}
