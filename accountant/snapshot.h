/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - the unix socket that acctctl reads: each connection gets one
 * JSON document, the latest committed state, and is closed.  A thread of its
 * own, so that no client can hold up the drain.
 */
#ifndef ACCOUNTANT_SNAPSHOT_H
#define ACCOUNTANT_SNAPSHOT_H

#include "accountant/view.h"

struct snapshot;

/* NULL and errno: the socket cannot be made there. */
struct snapshot *snapshot_open(const char *path);
/* Takes the view; readers see it from now on. */
void snapshot_publish(struct snapshot *s, struct view *v);
void snapshot_close(struct snapshot *s);

/* A malloc'ed document; NULL: no memory. */
char *snapshot_json(const struct view *v);

#endif
