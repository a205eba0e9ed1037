/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf.h - strict configuration over libconfig: every setting is described
 * by a row; unknown settings, wrong types and values out of range are errors
 * that name file, line, key and what is allowed.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type { CONF_INT, CONF_STRING, CONF_CHOICE, CONF_GROUP, CONF_LIST };

/* Reads one element of a CONF_LIST (a group); ctx is conf_read's. */
struct conf_key {
	const char *key;
	enum conf_type type;
	void *out; /* int64_t, char * (strdup'ed); not for groups, lists */
	const char *const *words; /* CONF_CHOICE: one of these, as its index; NULL ends them */
	int64_t min, max; /* CONF_INT; CONF_STRING: length */
	const char *allowed; /* for the error text: "1..60000 ms" */
	const struct conf_key *item; /* CONF_GROUP: its keys; CONF_LIST: those of each group */
	/* CONF_LIST: called after a group was read into the items' `out`;
	 * returns NULL or what is wrong with it */
	const char *(*add)(void *ctx);
};

/*
 * Reads `file` into what the rows (ended by a NULL key) point at.  On an
 * error returns false and a malloc'ed line "file:line: key: what, allowed:
 * ..." in *error.  A file that is not there is an error.
 */
bool conf_read(const char *file, const struct conf_key *keys, void *ctx, char **error);

#endif
