/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - the unix socket that acctctl reads: each connection gets one
 * JSON document, the committed state, and is closed.  A thread of its own, so
 * that no client can hold up the drain.  The worker is asked for a state that
 * is no older than the question; where it has none within a second, the
 * latest is told.
 */
#ifndef ACCOUNTANT_SNAPSHOT_H
#define ACCOUNTANT_SNAPSHOT_H

#include "accountant/view.h"

#include <stdbool.h>
#include <stdint.h>

struct snapshot;

/* NULL and errno: the socket cannot be made there. */
struct snapshot *snapshot_open(const char *path);
/* An eventfd that each question is written to. */
int snapshot_fd(const struct snapshot *s);
/* The number of the latest question, and whether it waits for an answer. */
bool snapshot_asked(const struct snapshot *s, uint64_t *question);
/* Takes the view, NULL: the one before is still right; this and earlier questions are answered. */
void snapshot_publish(struct snapshot *s, struct view *v, uint64_t question);
void snapshot_close(struct snapshot *s);

/* A malloc'ed document; NULL: no memory. */
char *snapshot_json(const struct view *v);

#endif
