/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - the unix socket on which acctctl commands limits: <socket>.control,
 * for root alone.  One line each, one line back when it is durable:
 *
 *	limit vm=TEXT driver=TEXT ppm=N		driver=- : all together; ppm=0: clear
 *	share on=0|1
 *	ok ...	or  error STATUS ...
 *
 * In the worker's event loop (common/lines.h).
 */
#ifndef ACCOUNTANT_CONTROL_H
#define ACCOUNTANT_CONTROL_H

#define CONTROL_SUFFIX ".control"

struct worker;
struct lines;

/* lines_close() ends it.  NULL and errno. */
struct lines *control_open(struct worker *w);
/* What was commanded before, from the ledger.  0 or -errno. */
int control_load(struct worker *w);

#endif
