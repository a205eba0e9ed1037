/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ask.h - one request to the collector of this dom0 (collector/control.c).
 */
#ifndef TOOLS_ASK_H
#define TOOLS_ASK_H

#include <stdbool.h>
#include <stdio.h>

#define ASK_TEXT 512

struct ask {
	int fd;
	FILE *in;
	char first[ASK_TEXT]; /* after "ok", or "error: " */
};

/*
 * Sends the line, reads the first one of the answer.  0 and what follows is to
 * be read from a->in, then ask_end(); else an exit status, and a->first says
 * why: EXIT_ENV, nobody answers; EXIT_RUNTIME, it refuses.
 */
int ask(struct ask *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ask_end(struct ask *a);
/* ask()'s end, where "ok" is followed by what is so now, for people: printed, or the error is. */
int ask_say(struct ask *a, int status);

#endif
