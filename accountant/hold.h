/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hold.h - what holder and worker say to each other over a SOCK_SEQPACKET
 * pair.  Only HOLD carries references.  The worker never waits for room there
 * (outbox.h), so the holder may: the worker comes to read.
 *
 *	worker -> holder	HOLD a link's pages; RELEASE them
 *	holder -> worker	HELD (answer, error 0 or -errno); one LIST for each
 *				hold and LISTED when a worker starts; RELOAD; STOP
 */
#ifndef ACCOUNTANT_HOLD_H
#define ACCOUNTANT_HOLD_H

#include <acctring/accountant.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum hold_type { HOLD = 1, RELEASE, HELD, LIST, LISTED, RELOAD, STOP };

struct hold_msg {
	uint32_t type;
	int32_t error;
	struct acctring_link_id id;
	uint32_t refs;
	uint32_t ref[ACCTRING_MAX_REFS + 1]; /* the link page's first */
};

static inline size_t hold_size(const struct hold_msg *m)
{
	return m->type == HOLD ? sizeof(*m) : offsetof(struct hold_msg, ref);
}

/* As received in n bytes. */
static inline bool hold_whole(const struct hold_msg *m, ssize_t n)
{
	return n >= (ssize_t)offsetof(struct hold_msg, ref) && (size_t)n == hold_size(m);
}

struct hold {
	struct hold *next;
	struct acctring_link_id id;
	void *map; /* the holder's; never read */
	uint32_t pages;
};

/* A move gives an epoch new pages: both name a hold. */
static inline bool hold_is(const struct hold *h, const struct acctring_link_id *id)
{
	return h->id.epoch == id->epoch && h->id.ref == id->ref && h->id.domid == id->domid;
}

struct options;
/* Runs until told to stop; returns the exit code. */
int holder_main(const struct options *options);

#endif
