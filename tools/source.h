/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * source.h - where figures come from: the socket of this domain's
 * accountant, else what the collector wrote into xenstore.
 */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include "tools/command.h"
#include "tools/snapshot.h"

enum source_kind { SOURCE_ANY, SOURCE_SOCKET, SOURCE_STORE };

struct source {
	enum source_kind kind; /* ANY until the first answer; then it stays */
	const char *path; /* of the socket */
	const char *driver; /* --driver, or NULL: all of them */
	bool unknown; /* somebody answered, and knows no such driver domain */
	bool said; /* which it is, with -v */
	bool patient; /* who asks goes on without an answer: errors are not printed */
	char error[SNAP_ERROR]; /* the last one */
	struct snap_store store;
};

/* By --from, --socket and ACCTRING_SOCKET: who names a socket means it. */
void source_begin(struct source *src, const struct common *o);
/* 0, or an exit status, and one line was printed, unless `patient`. */
int source_get(struct source *src, struct snapshot *s);
void source_end(struct source *src);

#endif
