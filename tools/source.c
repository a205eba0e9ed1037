/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * source.c - see source.h.
 */
#include "tools/source.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void source_begin(struct source *src, const struct common *o)
{
	const char *env = getenv("ACCTRING_SOCKET");

	memset(src, 0, sizeof(*src));
	src->path = snap_path(o->socket);
	if (o->from)
		src->kind = strcmp(o->from, "store") ? SOURCE_SOCKET : SOURCE_STORE;
	else if (o->socket || (env && *env))
		src->kind = SOURCE_SOCKET;
}

/* The socket first: where there is one, it knows more, and sooner. */
static int try_both(struct source *src, struct snapshot *s, char error[SNAP_ERROR])
{
	char other[SNAP_ERROR];
	int status = snap_get(src->path, s, error);

	src->kind = SOURCE_SOCKET;
	if (status != EXIT_ENV)
		return status;
	log_debug("%s", error);
	status = snap_from_store(&src->store, s, other);
	if (!status) {
		src->kind = SOURCE_STORE;
		return 0;
	}
	log_debug("%s", other);
	snprintf(error, SNAP_ERROR,
		 "no accountant answers at %s, and " SNAP_STORE " in xenstore tells nothing: start "
		 "acctringd in this domain; or, in dom0, acctring-collector, and acctringd where "
		 "its configuration says",
		 src->path);
	return status;
}

int source_get(struct source *src, struct snapshot *s)
{
	char *error = src->error;
	int status;

	if (src->kind == SOURCE_ANY)
		status = try_both(src, s, error);
	else if (src->kind == SOURCE_STORE)
		status = snap_from_store(&src->store, s, error);
	else
		status = snap_get(src->path, s, error);
	if (status && src->patient)
		log_debug("%s", error);
	else if (status)
		log_error("%s", error);
	else if (!src->said && src->kind == SOURCE_STORE)
		log_debug("from xenstore: " SNAP_STORE);
	else if (!src->said)
		log_debug("from the accountant: %s", src->path);
	src->said = true;
	return status;
}

void source_end(struct source *src)
{
	snap_store_close(&src->store);
}
