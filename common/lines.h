/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lines.h - a unix socket at which other programs ask a daemon, a line each.
 *
 * One line asks; what is answered goes back, then the connection is closed, unless it is
 * kept.  Who closes first, if only for writing, may get a part.  Who asks nothing, or does not take the answer, is left after a while.  In the
 * daemon's event loop; nothing blocks, nothing is logged.
 */
#ifndef COMMON_LINES_H
#define COMMON_LINES_H

#include <event2/event.h>

#define LINES_MAX 512 /* bytes, the most that is asked */

struct lines; /* the socket */
struct asker; /* who asks */

/* The line has no end of line, and may be written to. */
typedef void lines_fn(void *ctx, struct asker *who, char *line);

/*
 * A socket that listens at `path`, close-on-exec and non-blocking.  One that is left of a dead
 * program is replaced; -1 and errno: EADDRINUSE, somebody listens there.
 */
int lines_listen(const char *path, unsigned int mode);

/* Mode 0600.  NULL and errno. */
struct lines *lines_open(struct event_base *base, const char *path, lines_fn *fn, void *ctx);
/* Also those that are kept; the path is removed. */
void lines_close(struct lines *a);

/* A line of the answer; its end is added. */
void answer_line(struct asker *who, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* In lines_fn: stays until the other end closes, then gone(ctx, what). */
void asker_keep(struct asker *who, void (*gone)(void *ctx, void *what), void *what);

#endif
