/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * believe.c - which accountant is believed about which driver domain, and up
 * to what: all that is charged for a driver domain, by all accountants and
 * to all VMs, is no more than the CPU time that it burned (limit.h).
 *
 * What is too much is not scaled down: nobody could tell the honest part.
 * Nothing new is taken about that driver domain until it fits.  What is too
 * much when it is read for the first time becomes the base of its row: later
 * statements, also of a driver domain that was born again, add to that only.
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

bool is_dom0(const struct collector *c, const uint8_t a_uuid[16])
{
	return domains_same(&c->domains, 0, a_uuid) != NULL;
}

static uint64_t above(const struct acctring_statement_row *is, const struct kept *k)
{
	struct acctring_statement_row row;

	bill_above(is, &k->base, &row);
	return row.charged_ns;
}

/* What would be charged for b with this statement, in rows that were read before. */
static uint64_t known_sum(const struct collector *c, const struct source *s, uint16_t b)
{
	const struct acctring_statement_row *row;
	uint64_t sum = 0;
	size_t i, k;

	for (i = 0; i < c->sources; i++) {
		const struct source *o = c->source[i];

		for (k = 0; k < o->rows; k++) {
			const struct acctring_statement_row *is = &o->row[k].is;

			if (is->backend != b)
				continue;
			row = o == s && o->row[k].ledger == s->work->incarnation &&
					      serving_believed(&c->serving, b, is->uuid)
				      ? stmt_vm(s->work, b, is->uuid)
				      : NULL;
			sum = limit_add(sum, above(row ? row : is, &o->row[k]));
		}
	}
	return sum;
}

/* And in those that would be taken for the first time. */
static uint64_t first_sum(const struct collector *c, const struct source *s, uint16_t b)
{
	const struct statement *st = s->work;
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < st->rows; i++) {
		const struct acctring_statement_row *row = &st->row[i];

		if (row->what == ACCTRING_STMT_VM && row->backend == b &&
		    serving_believed(&c->serving, b, row->uuid) && !source_kept(s, b, row->uuid) &&
		    stmt_vm(st, b, row->uuid) == row)
			sum = limit_add(sum, row->charged_ns);
	}
	return sum;
}

static void too_much(const struct source *s, struct pair *p, const struct limit *l, uint64_t sum)
{
	if (!p->over)
		log_warn("domain %u: not believed about domain %u: with what it says %" PRIu64
			 " ns would be charged, more than the %" PRIu64
			 " ns of CPU; what was believed last stays",
			 (unsigned int)s->domid, (unsigned int)p->b, sum, limit_may(l));
	p->over = true;
}

static void meet_ledger(struct collector *c, const struct source *s, struct pair *p, uint64_t first)
{
	const char *then = "billed, it is dom0's";

	if (!is_dom0(c, s->uuid)) {
		p->unbilled_ns = limit_add(p->unbilled_ns, first);
		then = "not billed, what comes on top is";
	}
	log_warn("domain %u: its ledger, read for the first time, charges %" PRIu64
		 " ns for domain %u, more than the CPU of that domain that nobody was charged yet: "
		 "%s",
		 (unsigned int)s->domid, first, (unsigned int)p->b, then);
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

enum limit_verdict believe(struct collector *c, const struct source *s, struct pair *p)
{
	struct limit *l = limit_of(c, p->b);
	enum limit_verdict verdict;
	uint64_t known, first;

	if (!l)
		return LIMIT_OVER;
	see_cpu(c, l); /* after the statement was copied: what it tells was burned by now */
	known = known_sum(c, s, p->b);
	first = first_sum(c, s, p->b);
	verdict = limit_judge(l, known, first);
	if (verdict == LIMIT_OVER) {
		too_much(s, p, l, limit_add(known, l->spent_ns));
		return verdict;
	}
	if (verdict == LIMIT_BASE)
		meet_ledger(c, s, p, first);
	if (p->over)
		log_info("domain %u: believed about domain %u again", (unsigned int)s->domid,
			 (unsigned int)p->b);
	if (verdict == LIMIT_BASE)
		p->saved = false;
	p->over = false;
	return verdict;
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
