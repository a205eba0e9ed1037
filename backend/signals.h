/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * signals.h - what a backend is told from outside: to end, or to write its totals.
 */
#ifndef BACKEND_SIGNALS_H
#define BACKEND_SIGNALS_H

#include <stdbool.h>

/* A file that is readable when SIGTERM, SIGINT or SIGUSR1 came; they are blocked.  Dies. */
int signals_open(void);
/* True: it is time to end.  *totals is set when they are wanted.  Does not wait. */
bool signals_take(int fd, bool *totals);

#endif
