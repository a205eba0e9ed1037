/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grant tables, shared by the granter's side (grant.c) and the mapper's (map.c). */
#ifndef SANDBOX_BROKER_GRANT_H
#define SANDBOX_BROKER_GRANT_H

#include "sandbox/broker/broker.h"

#define GRANT_LIMIT 1024u /* gntalloc's limit, for a whole domain */
#define GRANT_ENTRIES 32768u /* a table of 64 frames, Xen's default */

struct notify { /* what to do when the page goes */
	uint8_t *byte; /* NULL = no byte to clear */
	uint8_t *page; /* the mapping it lies in */
	uint32_t port; /* 0 = none; holds a reference to it */
};

/* The pages of one share_pages(): they live and end together. */
struct share {
	TAILQ_ENTRY(share) link; /* in the table of their domain */
	struct domain *d;
	uint64_t id;
	int fd, rofd; /* memfd; the same, opened read-only, or -1 */
	uint32_t to; /* the domain that may map */
	bool writable;
	bool ended; /* the granter let go; pinned by mappers only */
	unsigned int holds; /* connections that keep it */
	uint32_t left; /* references that are not free yet */
	uint32_t counted; /* pages in GRANT_LIMIT, until the granter lets go */
	struct notify notify;
};

struct grant { /* one entry of the grant table */
	struct share *share; /* NULL = not in use */
	uint32_t page; /* in the share */
	unsigned int maps;
};

struct grant_table {
	struct grant entry[GRANT_ENTRIES];
	uint32_t stack[GRANT_ENTRIES - GRANT_RESERVED]; /* free references, the top is used first */
	uint32_t free; /* how many */
	uint32_t held; /* counted in GRANT_LIMIT */
	TAILQ_HEAD(share_list, share) shares;
};

struct share_hold { /* a connection keeps a share */
	TAILQ_ENTRY(share_hold) link;
	struct share *share;
};

int grant_table_create(struct domain *d);
/* The domain dies: what nobody maps goes at once, even if some share still
 * has a holder. */
void grant_table_end(struct domain *d);
void grant_table_free(struct domain *d);

struct grant *grant_find(struct domain *d, uint32_t ref);
/* The last mapping of an entry went. */
void grant_unpinned(struct domain *d, uint32_t ref);

void notify_fire(struct domain *d, struct notify *n);

int grant_share(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		int nfds);
int grant_unshare(struct client *c, const struct xsb_msg *req);
int grant_keep(struct client *c, const struct xsb_msg *req);
void grant_client_gone(struct client *c);

int map_pages(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *out,
	      int *nout);
int map_unmap(struct client *c, const struct xsb_msg *req);
int map_copy(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *out, int *nout);
void map_client_gone(struct client *c);

#endif
