/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * source.c - see source.h.
 */
#include "tools/source.h"

#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void source_begin(struct source *src, const struct common *o)
{
	const char *env = getenv("ACCTRING_SOCKET");

	memset(src, 0, sizeof(*src));
	src->path = snap_path(o->socket);
	src->driver = o->driver;
	if (o->from)
		src->kind = strcmp(o->from, "store") ? SOURCE_SOCKET : SOURCE_STORE;
	else if (o->socket || (env && *env))
		src->kind = SOURCE_SOCKET;
}

/* What is left of an answer with --driver; its line is src->error. */
static int keep(struct source *src, struct snapshot *s)
{
	size_t i, n;

	if (!src->driver || snap_only(s, src->driver))
		return 0;
	n = (size_t)snprintf(src->error, SNAP_ERROR,
			     "--driver %.64s: no such driver domain, allowed:", src->driver);
	for (i = 0; i < s->domains && n < SNAP_ERROR; i++)
		n += (size_t)snprintf(src->error + n, SNAP_ERROR - n, "%s %" PRIu64 " (%s)",
				      i ? "," : "", s->domain[i].domid, s->domain[i].name);
	src->unknown = true;
	snap_free(s);
	return EXIT_ENV;
}

static int from_socket(struct source *src, struct snapshot *s, char error[SNAP_ERROR])
{
	int status = snap_get(src->path, s, error);

	return status ? status : keep(src, s);
}

static int from_store(struct source *src, struct snapshot *s, char error[SNAP_ERROR])
{
	int status = snap_from_store(&src->store, s, error);

	return status ? status : keep(src, s);
}

/* An accountant that is not the one, or not yet: its figures look like rest. */
static void say_little(struct source *src, const struct snapshot *s, bool any)
{
	if (any && !src->driver && snap_store_more(&src->store, s))
		log_warn("this is the accountant of domain %" PRIu64 " alone, allowed: --from "
			 "store, for all driver domains",
			 s->domid);
	else if (!s->domains)
		log_warn("dom0 names no driver domain for this accountant, allowed: drivers in "
			 "/etc/acctring/collector.conf there, and acctring-collector");
}

/* The socket first: where there is one, it knows more, and sooner. */
static int try_both(struct source *src, struct snapshot *s, char error[SNAP_ERROR])
{
	char other[SNAP_ERROR];
	int status = from_socket(src, s, error);

	src->kind = SOURCE_SOCKET;
	if (status != EXIT_ENV)
		return status;
	log_debug("%s", error);
	status = from_store(src, s, other);
	if (!status) {
		src->kind = SOURCE_STORE;
		return 0;
	}
	log_debug("%s", other);
	if (src->unknown)
		return status;
	snprintf(error, SNAP_ERROR,
		 "no accountant answers at %s, and " SNAP_STORE " in xenstore tells nothing: start "
		 "acctringd in this domain; or, in dom0, acctring-collector, and acctringd where "
		 "its configuration says",
		 src->path);
	return status;
}

int source_get(struct source *src, struct snapshot *s)
{
	bool any = src->kind == SOURCE_ANY;
	char *error = src->error;
	int status;

	src->unknown = false;
	if (any)
		status = try_both(src, s, error);
	else if (src->kind == SOURCE_STORE)
		status = from_store(src, s, error);
	else
		status = from_socket(src, s, error);
	if (status && src->patient)
		log_debug("%s", error);
	else if (status)
		log_error("%s", error);
	else if (!src->said && src->kind == SOURCE_STORE)
		log_debug("from xenstore: " SNAP_STORE);
	else if (!src->said)
		log_debug("from the accountant: %s", src->path);
	if (!status && !src->said && src->kind == SOURCE_SOCKET)
		say_little(src, s, any);
	src->said = true;
	return status;
}

void source_end(struct source *src)
{
	snap_store_close(&src->store);
}
