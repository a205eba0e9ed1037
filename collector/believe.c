/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * believe.c - which accountant is believed about which driver domain, and up
 * to what: all that is charged for a driver domain, by all accountants and
 * to all VMs, is no more than the CPU time that it burned (limit.h).
 *
 * What is too much is not scaled down: nobody could tell the honest part.
 * Nothing new is taken about that driver domain until it fits.
 */
#include "collector/collector.h"
#include "common/kv.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct limit *limit_of(struct collector *c, uint16_t b)
{
	struct limit *l;
	size_t i;

	for (i = 0; i < c->limits; i++)
		if (c->limit[i].b == b)
			return &c->limit[i];
	l = reallocarray(c->limit, c->limits + 1, sizeof(*l));
	if (!l)
		return NULL;
	c->limit = l;
	l += c->limits++;
	memset(l, 0, sizeof(*l));
	l->b = b;
	return l;
}

void limit_forget(struct collector *c, uint16_t b)
{
	size_t i;

	for (i = c->limits; i-- > 0;)
		if (c->limit[i].b == b)
			c->limit[i] = c->limit[--c->limits];
}

struct pair *pair_of(struct collector *c, uint16_t b, const uint8_t a_uuid[16], bool make)
{
	struct pair *p;
	size_t i;

	for (i = 0; i < c->pairs; i++)
		if (c->pair[i].b == b && uuid_equal(c->pair[i].a_uuid, a_uuid))
			return &c->pair[i];
	p = make ? reallocarray(c->pair, c->pairs + 1, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	c->pair = p;
	p += c->pairs++;
	memset(p, 0, sizeof(*p));
	p->b = b;
	p->fresh = true;
	memcpy(p->a_uuid, a_uuid, 16);
	return p;
}

void pair_forget(struct collector *c, uint16_t b, const uint8_t a_uuid[16])
{
	struct pair *p = pair_of(c, b, a_uuid, false);

	if (p)
		*p = c->pair[--c->pairs];
}

bool tree_believes(const struct collector *c, const uint8_t a_uuid[16], uint16_t b)
{
	const struct tree *t = tree_of(c, b);
	size_t i;

	if (t)
		return uuid_equal(t->a_uuid, a_uuid);
	for (i = 0; i < c->pairs; i++)
		if (c->pair[i].b == b && uuid_equal(c->pair[i].a_uuid, a_uuid))
			return true;
	return false;
}

static bool in_statement(const struct statement *st, const struct acctring_statement_row *r)
{
	uint32_t i;

	for (i = 0; i < st->rows; i++)
		if (st->row[i].what == ACCTRING_STMT_VM && st->row[i].backend == r->backend &&
		    uuid_equal(st->row[i].uuid, r->uuid))
			return true;
	return false;
}

/*
 * What would be charged for b with this statement.  VMs that dom0 did not
 * name count too: they may have been known, and may come back.
 */
static uint64_t sum_of(const struct collector *c, const struct source *s, uint16_t b)
{
	const struct statement *st = s->work;
	uint64_t sum = 0;
	size_t i, k;

	for (i = 0; i < st->rows; i++)
		if (st->row[i].what == ACCTRING_STMT_VM && st->row[i].backend == b)
			sum = limit_add(sum, st->row[i].charged_ns);
	for (i = 0; i < c->sources; i++) {
		const struct source *o = c->source[i];

		for (k = 0; k < o->rows; k++)
			if (o->row[k].is.backend == b &&
			    (o != s || !in_statement(st, &o->row[k].is)))
				sum = limit_add(sum, o->row[k].is.charged_ns);
	}
	return sum;
}

static uint64_t before_of(const struct collector *c, uint16_t b)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < c->pairs; i++)
		if (c->pair[i].b == b)
			sum = limit_add(sum, c->pair[i].before_ns);
	return sum;
}

static bool too_much(const struct source *s, struct pair *p, const struct limit *l, uint64_t sum)
{
	if (!p->over)
		log_warn("domain %u: not believed about domain %u: with what it says %" PRIu64
			 " ns would be charged, more than the %" PRIu64
			 " ns of CPU; what was believed last stays",
			 (unsigned int)s->domid, (unsigned int)p->b, sum,
			 limit_add(limit_add(l->cpu_ns, l->ended_ns), p->before_ns));
	p->over = true;
	return false;
}

static void see_cpu(struct collector *c, struct limit *l)
{
	const struct tree *t = tree_of(c, l->b);
	uint64_t ns;

	if (t)
		limit_owner(l, t->b_uuid);
	if (domain_cpu(c->xc, l->b, l->uuid, &ns))
		limit_see(l, ns);
}

bool believe(struct collector *c, const struct source *s, struct pair *p)
{
	struct limit *l = limit_of(c, p->b);
	uint64_t sum, before;

	if (!l)
		return false;
	see_cpu(c, l); /* after the statement was copied: what it tells was burned by now */
	sum = sum_of(c, s, p->b);
	switch (limit_judge(l, before_of(c, p->b), sum, p->fresh, &before)) {
	case LIMIT_OVER:
		return too_much(s, p, l, sum);
	case LIMIT_BEFORE:
		log_info("domain %u: its ledger charges %" PRIu64
			 " ns more for domain %u than that "
			 "burned since it started: taken as from before",
			 (unsigned int)s->domid, before, (unsigned int)p->b);
		p->before_ns = before;
		break;
	case LIMIT_FITS:
		break;
	}
	if (p->over)
		log_info("domain %u: believed about domain %u again", (unsigned int)s->domid,
			 (unsigned int)p->b);
	if (p->fresh)
		l->saved = p->saved = false;
	p->fresh = p->over = false;
	return true;
}

void limits_see(struct collector *c)
{
	const struct domain *d;
	size_t i;

	for (i = 0; i < c->limits; i++) {
		struct limit *l = &c->limit[i];

		d = domains_same(&c->domains, l->b, l->uuid);
		if (d)
			limit_see(l, d->cpu_ns);
	}
}
