/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * source.c - the statement of one accountant.  The nodes and the pages are
 * the accountant's own: text is parsed strictly, pages are mapped read-only.
 *
 * An epoch that ended or broke the protocol is never touched again.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NODE "/local/domain/%u/data/acctring/statement/%s"

struct announced {
	uint64_t epoch, ref, state;
	bool trouble; /* the store failed: nothing is known */
};

static void __attribute__((format(printf, 2, 3))) complain(struct source *s, const char *fmt, ...)
{
	char text[sizeof(s->said)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strcmp(s->said, text))
		return;
	memcpy(s->said, text, sizeof(text));
	log_warn("%s", text);
}

static void complain_epoch(struct source *s, uint64_t epoch, const char *what)
{
	complain(s, "domain %u: statement %016" PRIx64 " refused: %s", (unsigned int)s->domid,
		 epoch, what);
}

static void unmap(struct collector *c, struct source *s)
{
	if (!s->khead)
		return;
	xengnttab_unmap(c->gnttab, s->krows, s->head.pages);
	xengnttab_unmap(c->gnttab, s->khead, 1);
	s->khead = NULL;
	s->krows = NULL;
	s->over = s->epoch;
	log_info("domain %u: statement %016" PRIx64 " unmapped", (unsigned int)s->domid, s->epoch);
}

/* A node that is not as it must be. */
static bool bad_node(struct source *s, const char *name, const char *value, const char *allowed)
{
	complain(s, NODE ": \"%.40s\" is refused, allowed: %s", (unsigned int)s->domid, name, value,
		 allowed);
	return false;
}

/* NULL: not there, or *said tells more. */
static char *read_node(struct collector *c, struct source *s, struct announced *said,
		       const char *name, const char *allowed)
{
	char *value = xs_readf(c->xsh, NODE, (unsigned int)s->domid, name);

	if (!value && errno == EINVAL)
		bad_node(s, name, "?", allowed);
	else if (!value && errno != ENOENT)
		said->trouble = true;
	return value;
}

static bool read_number(struct collector *c, struct source *s, struct announced *said,
			const char *name, uint64_t max, uint64_t *out, const char *allowed)
{
	char *value = read_node(c, s, said, name, allowed);
	bool ok = value && (parse_u64(value, max, out) || bad_node(s, name, value, allowed));

	free(value);
	return ok;
}

static bool read_epoch(struct collector *c, struct source *s, struct announced *said)
{
	static const char allowed[] = "16 lower-case hex digits, not 0";
	char *value = read_node(c, s, said, "epoch", allowed);
	bool ok = value && ((parse_hex64(value, &said->epoch) && said->epoch) ||
			    bad_node(s, "epoch", value, allowed));

	free(value);
	return ok;
}

static bool read_version(struct collector *c, struct source *s, struct announced *said)
{
	char *value = read_node(c, s, said, "version", "1.<minor>");
	char *dot = value ? strchr(value, '.') : NULL;
	uint64_t major, minor;
	bool ok = false;

	if (dot) {
		*dot = '\0';
		ok = parse_u64(value, UINT16_MAX, &major) && major == ACCTRING_ABI_MAJOR &&
		     parse_u64(dot + 1, UINT16_MAX, &minor);
		*dot = '.';
	}
	if (value && !ok)
		bad_node(s, "version", value, "1.<minor>");
	free(value);
	return ok;
}

static bool read_nodes(struct collector *c, struct source *s, struct announced *said)
{
	return read_number(c, s, said, "state", 6, &said->state, "a xenbus state, 1..6") &&
	       said->state == 4 && read_epoch(c, s, said) && read_version(c, s, said) &&
	       read_number(c, s, said, "ring-ref", UINT32_MAX, &said->ref, "a grant reference");
}

static void *map(struct collector *c, uint16_t domid, uint32_t *refs, uint32_t n)
{
	return xengnttab_map_domain_grant_refs(c->gnttab, n, domid, refs, PROT_READ);
}

static void attach(struct collector *c, struct source *s, const struct announced *said)
{
	uint32_t ref = (uint32_t)said->ref;
	const char *reason = NULL;
	int err;

	s->khead = map(c, s->domid, &ref, 1);
	if (!s->khead) {
		complain_epoch(s, said->epoch, "its first page cannot be mapped, trying again");
		return;
	}
	err = stmt_open(&s->head, s->khead, said->epoch, &reason);
	if (!err) {
		s->krows = map(c, s->domid, s->head.ref, s->head.pages);
		if (!s->krows)
			reason = "its row pages cannot be mapped, trying again";
	}
	if (reason) {
		complain_epoch(s, said->epoch, reason);
		xengnttab_unmap(c->gnttab, s->khead, 1);
		s->khead = NULL;
		if (err)
			s->over = said->epoch;
		return;
	}
	s->epoch = said->epoch;
	s->said[0] = '\0';
	s->told_row = false;
	log_info("domain %u: reading statement %016" PRIx64, (unsigned int)s->domid, s->epoch);
}

struct kept *source_kept(const struct source *s, uint16_t b, const uint8_t vm_uuid[16])
{
	size_t i;

	for (i = 0; i < s->rows; i++)
		if (s->row[i].is.backend == b && uuid_equal(s->row[i].is.uuid, vm_uuid))
			return &s->row[i];
	return NULL;
}

/* Of which nothing is kept yet.  false: no memory. */
static bool keep_first(struct source *s, const struct kept *k)
{
	struct kept *r = reallocarray(s->row, s->rows + 1, sizeof(*r));

	if (!r)
		return false;
	s->row = r;
	s->row[s->rows++] = *k;
	return true;
}

/* base: what it says now is not billed, if nothing is kept of it yet. */
static void keep(struct source *s, const struct acctring_statement_row *row, bool base)
{
	struct kept k = { .is = *row, .ledger = s->work->incarnation };
	struct kept *old = source_kept(s, row->backend, row->uuid);
	struct acctring_statement_row above;

	if (!old) {
		if (base)
			k.base = *row;
		keep_first(s, &k);
		return;
	}
	if (old->ledger != k.ledger || !memcmp(&old->is, row, sizeof(*row)))
		return;
	k.base = bill_above(row, &old->base, &above) ? old->base : *row;
	k.seen = old->seen;
	k.lately = old->lately;
	k.seen_ns = old->seen_ns;
	*old = k;
}

/*
 * Sums of another ledger say nothing any more.  They stay of a driver domain
 * that is gone, or about which this accountant is no more asked: no ledger
 * that began since has a part in what that one did.
 */
static void drop_other_ledgers(struct collector *c, struct source *s)
{
	const struct tree *t;
	bool any = false;
	size_t i;

	for (i = s->rows; i-- > 0;) {
		struct kept *k = &s->row[i];

		t = tree_of(c, k->is.backend);
		if (k->ledger == s->work->incarnation || !t || t->gone_ms ||
		    !uuid_equal(t->a_uuid, s->uuid))
			continue;
		memory_forget_row(c, s, k);
		*k = s->row[--s->rows];
		any = true;
	}
	if (any)
		log_warn("domain %u: its ledger is a new one, bills begin again",
			 (unsigned int)s->domid);
}

/* Returns how many rows are about VMs that dom0 gave no device of b. */
static unsigned int keep_about(struct collector *c, struct source *s, uint16_t b, bool base)
{
	const struct acctring_statement_row *row;
	struct limit *l = limit_of(c, b);
	unsigned int strangers = 0;
	uint32_t i;

	for (i = 0; i < s->work->rows; i++) {
		row = &s->work->row[i];
		if (row->what != ACCTRING_STMT_VM || row->backend != b)
			continue;
		if (!serving_believed(&c->serving, b, row->uuid))
			strangers++;
		else if (stmt_vm(s->work, b, row->uuid) == row) /* the one that was judged */
			keep(s, row, base);
	}
	for (i = 0; l && i < s->rows; i++)
		if (!s->row[i].saved && s->row[i].is.backend == b)
			l->saved = false; /* the CPU that covers it */
	return strangers;
}

/*
 * Believed are rows about VMs of which dom0 said that the driver domain
 * serves them, from the accountant that dom0 named for it, up to the CPU
 * that it burned.
 */
static void keep_rows(struct collector *c, struct source *s)
{
	enum limit_verdict verdict;
	unsigned int strangers = 0;
	size_t i;

	drop_other_ledgers(c, s);
	for (i = 0; i < s->work->rows; i++)
		if (s->work->row[i].what == ACCTRING_STMT_DOMAIN)
			report_keep(c, s, &s->work->row[i]);
	for (i = 0; i < c->pairs; i++) {
		struct pair *p = &c->pair[i];

		if (!uuid_equal(p->a_uuid, s->uuid) || !tree_believes(c, s->uuid, p->b))
			continue;
		verdict = believe(c, s, p);
		if (verdict != LIMIT_OVER)
			strangers += keep_about(c, s, p->b, verdict == LIMIT_BASE);
	}
	if (strangers != s->strangers) /* not with each statement: VMs end, ledgers keep them */
		log_debug("domain %u: %u rows are not believed: no driver domain was said to serve "
			  "those VMs",
			  (unsigned int)s->domid, strangers);
	s->strangers = strangers;
	s->heard = true;
}

static void say_dropped(struct source *s)
{
	const struct statement *st = s->work;
	char uuid[UUID_TEXT];

	if (!st->dropped || s->told_row)
		return;
	uuid_format(st->bad.uuid, uuid);
	log_warn("domain %u: statement %016" PRIx64
		 ": a row about domain %u and VM %s is left out: %s (%u such rows)",
		 (unsigned int)s->domid, s->epoch, (unsigned int)st->bad.backend, uuid, st->why,
		 (unsigned int)st->dropped);
	s->told_row = true;
}

static void read_half(struct collector *c, struct source *s)
{
	const char *reason = NULL;
	int err = stmt_copy(s->work, &s->head, s->khead, s->krows, &reason);

	if (err == -EPROTO) {
		complain_epoch(s, s->epoch, reason);
		unmap(c, s);
	}
	if (err)
		return;
	if (s->work->t_ns != s->t_ns) {
		s->every_ns = s->t_ns && s->work->t_ns > s->t_ns ? s->work->t_ns - s->t_ns : 0;
		s->t_ns = s->work->t_ns;
		s->fresh_ms = now_ms();
	}
	say_dropped(s);
	keep_rows(c, s);
}

static void poll_source(struct collector *c, struct source *s)
{
	struct announced said = { 0 };
	bool announced;

	if (!s->here) {
		unmap(c, s);
		return;
	}
	announced = read_nodes(c, s, &said);
	if (said.trouble)
		return;
	if (s->khead && (!announced || said.epoch != s->epoch || !stmt_alive(s->khead))) {
		read_half(c, s); /* what it committed last; nobody writes any more */
		unmap(c, s);
	}
	if (announced && !s->khead && said.epoch != s->over)
		attach(c, s, &said);
}

void sources_poll(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->sources; i++)
		poll_source(c, c->source[i]);
}

void sources_read(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->sources; i++)
		if (c->source[i]->khead)
			read_half(c, c->source[i]);
}

static struct source *new_source(const uint8_t uuid[16])
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	memcpy(s->uuid, uuid, 16);
	s->work = malloc(sizeof(*s->work));
	if (s->work)
		return s;
	free(s);
	return NULL;
}

/* While it is read as often as in debt; one that is slow on purpose has more time. */
#define SILENT_MS 1200u

bool source_silent(const struct source *s)
{
	uint64_t most = s->every_ns * 3 / 1000000;

	return s->heard && (!s->khead || !stmt_alive(s->khead) ||
			    now_ms() - s->fresh_ms > (most > SILENT_MS ? most : SILENT_MS));
}

struct source *source_by_uuid(const struct collector *c, const uint8_t uuid[16])
{
	size_t i;

	for (i = 0; i < c->sources; i++)
		if (uuid_equal(c->source[i]->uuid, uuid))
			return c->source[i];
	return NULL;
}

static struct source *source_of(struct collector *c, const uint8_t uuid[16])
{
	struct source **grown, *s = source_by_uuid(c, uuid);

	if (s)
		return s;
	grown = reallocarray(c->source, c->sources + 1, sizeof(struct source *));
	if (!grown)
		return NULL;
	c->source = grown;
	s = new_source(uuid);
	if (s)
		c->source[c->sources++] = s;
	return s;
}

void source_meet(struct collector *c, const struct tree *t)
{
	struct limit *l = limit_of(c, t->b);

	pair_of(c, t->b, t->a_uuid, true);
	if (l)
		limit_owner(l, t->b_uuid);
}

bool source_restore(struct collector *c, const uint8_t a_uuid[16], const struct kept *k)
{
	struct source *s = source_of(c, a_uuid);

	return s && !source_kept(s, k->is.backend, k->is.uuid) && keep_first(s, k);
}

void sources_update(struct collector *c)
{
	struct source *s;
	size_t i;

	for (i = 0; i < c->sources; i++)
		c->source[i]->here = false;
	for (i = 0; i < c->trees; i++) {
		const struct tree *t = &c->tree[i];

		s = source_of(c, t->a_uuid);
		if (!s)
			continue;
		if (s->domid != t->a)
			unmap(c, s);
		s->domid = t->a;
		s->here = domains_same(&c->domains, t->a, t->a_uuid) != NULL;
	}
	sources_poll(c);
}

bool sources_missing(const struct collector *c)
{
	unsigned int i;
	size_t k;

	for (i = 0; i < c->config.drivers; i++)
		if (c->waiting[i])
			return true;
	for (k = 0; k < c->sources; k++)
		if (c->source[k]->here && !c->source[k]->heard)
			return true;
	return false;
}

void sources_free(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->sources; i++) {
		unmap(c, c->source[i]);
		free(c->source[i]->row);
		free(c->source[i]->work);
		free(c->source[i]);
	}
	free(c->source);
	c->source = NULL;
	c->sources = 0;
}
