/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bill.h - posting, and the backend's own books of what it posted: the sums
 * that the ledger must agree with (option --totals).
 */
#ifndef BACKEND_BILL_H
#define BACKEND_BILL_H

#include <acctring/acctring.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

struct sums {
	uint64_t posts, units, bytes, ns;
};

/*
 * Of one device, over all its connections.  Written by the threads that
 * serve it, read by others while they run.
 */
struct total {
	struct total *next;
	unsigned int frontend, device;
	unsigned int domid; /* who pays: the frontend, or we when rows are used up */
	struct sums of[ACCTRING_CLASSES];
};

struct bill {
	struct acctring *link;
	unsigned int kind;
	unsigned int own;
	bool used_up; /* the payer rows are, and that was said */
	pthread_mutex_t lock; /* of the list */
	struct total *list;
};

/* A device that was connected at least once. */
struct payer {
	uint16_t row;
	struct total *total; /* NULL: never */
};

/*
 * Once, or again.  false: no memory.  The payer row may be
 * ACCTRING_PAYER_OWN: rows are used up, and the first time that is logged.
 */
bool bill_connect(struct bill *b, struct payer *p, unsigned int domid, unsigned int device);
void bill_disconnect(struct bill *b, struct payer *p);
/* The payer that the driver domain itself is; it has no connection. As above. */
bool bill_own(struct bill *b, struct payer *p);

/* The lines "kind domid device class posts units bytes ns", tabs between. */
bool bill_write(struct bill *b, const char *file);
void bill_print(struct bill *b, FILE *f);
void bill_sum(struct bill *b, struct sums *out);
void bill_free(struct bill *b);

static inline void bill_add(uint64_t *sum, uint64_t n)
{
	__atomic_fetch_add(sum, n, __ATOMIC_RELAXED);
}

/* Books what acctring_post() took: for who does it once for many posts of a class. */
static inline void bill_book(const struct payer *p, unsigned int klass, const struct sums *n)
{
	struct sums *to = &p->total->of[klass];

	bill_add(&to->posts, n->posts);
	bill_add(&to->units, n->units);
	bill_add(&to->bytes, n->bytes);
	bill_add(&to->ns, n->ns);
}

/* Posts c, whose payer is p; what the library refuses is not in the sums.  Inline, or *c is in memory. */
ACCTRING_INLINE void bill_post(struct acctring_lane *l, const struct payer *p,
			       struct acctring_cost *c)
{
	struct sums n = { 1, c->units, c->bytes, c->ns };

	c->payer = p->row;
	if (!acctring_post(l, c))
		bill_book(p, c->klass, &n);
}

#endif
