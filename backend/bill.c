/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/bill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/names.h"

static struct total *get_total(struct bill *b, unsigned int frontend, unsigned int device,
			       unsigned int domid)
{
	struct total *t;

	pthread_mutex_lock(&b->lock);
	for (t = b->list; t; t = t->next)
		if (t->frontend == frontend && t->device == device && t->domid == domid)
			break;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (t) {
			t->frontend = frontend;
			t->device = device;
			t->domid = domid;
			t->next = b->list;
			b->list = t;
		}
	}
	pthread_mutex_unlock(&b->lock);
	return t;
}

/* Not silently: from here on somebody is served at our own expense. */
static void say_used_up(struct bill *b, unsigned int domid, unsigned int device)
{
	char kind[NAME_TEXT];

	if (b->used_up)
		return;
	b->used_up = true;
	log_warn("%s %u/%u: payer rows are used up: it and all that connect from now on are "
		 "billed to domain %u itself; restart with more --payers",
		 kind_name(b->kind, kind), domid, device, b->own);
}

bool bill_connect(struct bill *b, struct payer *p, unsigned int domid, unsigned int device)
{
	int row;

	if (p->total)
		return true;
	row = acctring_payer_open(b->link, domid, b->kind, device);
	if (row <= 0)
		say_used_up(b, domid, device);
	p->row = row > 0 ? (uint16_t)row : ACCTRING_PAYER_OWN;
	p->total = get_total(b, domid, device, row > 0 ? domid : b->own);
	if (p->total)
		return true;
	bill_disconnect(b, p);
	return false;
}

void bill_disconnect(struct bill *b, struct payer *p)
{
	if (p->row && p->row != ACCTRING_PAYER_OWN)
		acctring_payer_close(b->link, p->row);
	p->row = 0;
	p->total = NULL;
}

bool bill_own(struct bill *b, struct payer *p)
{
	p->row = ACCTRING_PAYER_OWN;
	p->total = get_total(b, b->own, 0, b->own);
	return p->total;
}

/* A copy of sums that another thread may be adding to. */
static struct sums read_sums(const struct sums *s)
{
	return (struct sums){
		.posts = __atomic_load_n(&s->posts, __ATOMIC_RELAXED),
		.units = __atomic_load_n(&s->units, __ATOMIC_RELAXED),
		.bytes = __atomic_load_n(&s->bytes, __ATOMIC_RELAXED),
		.ns = __atomic_load_n(&s->ns, __ATOMIC_RELAXED),
	};
}

static void write_total(FILE *f, const struct bill *b, const struct total *t)
{
	char kind[NAME_TEXT], klass[NAME_TEXT];
	unsigned int k;

	for (k = 1; k < ACCTRING_CLASSES; k++) {
		struct sums s = read_sums(&t->of[k]);

		if (!s.posts)
			continue;
		fprintf(f, "%s\t%u\t%u\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
			kind_name(b->kind, kind), t->domid, t->device, class_name(k, klass),
			s.posts, s.units, s.bytes, s.ns);
	}
}

void bill_print(struct bill *b, FILE *f)
{
	struct total *t;

	pthread_mutex_lock(&b->lock);
	for (t = b->list; t; t = t->next)
		write_total(f, b, t);
	pthread_mutex_unlock(&b->lock);
}

bool bill_write(struct bill *b, const char *file)
{
	FILE *f = fopen(file, "we");
	bool ok;

	if (!f)
		return false;
	bill_print(b, f);
	ok = !ferror(f);
	return !fclose(f) && ok;
}

void bill_sum(struct bill *b, struct sums *out)
{
	struct total *t;
	unsigned int k;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&b->lock);
	for (t = b->list; t; t = t->next)
		for (k = 1; k < ACCTRING_CLASSES; k++) {
			struct sums s = read_sums(&t->of[k]);

			out->posts += s.posts;
			out->units += s.units;
			out->bytes += s.bytes;
			out->ns += s.ns;
		}
	pthread_mutex_unlock(&b->lock);
}

void bill_free(struct bill *b)
{
	struct total *t;

	while ((t = b->list)) {
		b->list = t->next;
		free(t);
	}
}
