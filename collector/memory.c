/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.c - what the next collector must know, however this one ends: a
 * driver domain may have ended, a VM may have lost its device, another
 * accountant may have been named; what the VM owes is owed still.
 *
 *	/tool/acctring/served/<B>			struct limit
 *	/tool/acctring/served/<B>/<UUID of A>		struct pair
 *	/tool/acctring/served/<B>/<UUID of A>/<UUID of a VM>	struct kept
 *
 * Owner dom0, read by nobody else.  Written before the bills that it explains.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "/tool/acctring/served"
#define PATH_SIZE 128
#define SUMS_SIZE 320
#define BASE "base_" /* before the names of the sums that are not billed */

static void pair_path(char path[PATH_SIZE], uint16_t b, const uint8_t a_uuid[16])
{
	char a[UUID_TEXT];

	uuid_format(a_uuid, a);
	snprintf(path, PATH_SIZE, ROOT "/%u/%s", (unsigned int)b, a);
}

static void row_path(char path[PATH_SIZE], uint16_t b, const uint8_t a_uuid[16],
		     const uint8_t vm_uuid[16])
{
	char pair[PATH_SIZE], vm[UUID_TEXT];

	pair_path(pair, b, a_uuid);
	uuid_format(vm_uuid, vm);
	snprintf(path, PATH_SIZE, "%.80s/%s", pair, vm);
}

static bool put(struct collector *c, const char *path, const char *line)
{
	/* below ROOT, whose permissions are inherited */
	if (xs_writef(c->xsh, path, "%s", line))
		return true;
	log_warn("%s: cannot write: %s", path, strerror(errno));
	return false;
}

static void save_limit(struct collector *c, struct limit *l)
{
	char path[PATH_SIZE], uuid[UUID_TEXT], line[160];

	snprintf(path, sizeof(path), ROOT "/%u", (unsigned int)l->b);
	uuid_format(l->uuid, uuid);
	snprintf(line, sizeof(line),
		 "v=1 uuid=%s cpu_ns=%" PRIu64 " ended_ns=%" PRIu64 " spent_ns=%" PRIu64, uuid,
		 l->cpu_ns, l->ended_ns, l->spent_ns);
	l->saved = put(c, path, line);
}

static void sums(char line[SUMS_SIZE], const char *prefix, const struct acctring_statement_row *r)
{
	snprintf(line, SUMS_SIZE,
		 " %scharged_ns=%" PRIu64 " %sposted_ns=%" PRIu64 " %sunits=%" PRIu64
		 " %sbytes=%" PRIu64 " %svbd_ns=%" PRIu64 " %svif_ns=%" PRIu64
		 " %sother_ns=%" PRIu64 " %sshared_ns=%" PRIu64,
		 prefix, r->charged_ns, prefix, r->posted_ns, prefix, r->units, prefix, r->bytes,
		 prefix, r->vbd_ns, prefix, r->vif_ns, prefix, r->other_ns, prefix, r->shared_ns);
}

static void save_row(struct collector *c, const struct source *s, struct kept *k)
{
	char path[PATH_SIZE], is[SUMS_SIZE], base[SUMS_SIZE] = "", line[2 * SUMS_SIZE + 64];

	row_path(path, k->is.backend, s->uuid, k->is.uuid);
	sums(is, "", &k->is);
	if (k->base.what)
		sums(base, BASE, &k->base);
	snprintf(line, sizeof(line), "v=1 ledger=%016" PRIx64 " domid=%u%s%s", k->ledger,
		 (unsigned int)k->is.domid, is, base);
	k->saved = put(c, path, line);
}

void memory_save(struct collector *c)
{
	char path[PATH_SIZE], line[64];
	size_t i, k;

	for (i = 0; i < c->limits; i++)
		if (!c->limit[i].saved)
			save_limit(c, &c->limit[i]);
	for (i = 0; i < c->pairs; i++) {
		struct pair *p = &c->pair[i];

		if (p->saved)
			continue;
		pair_path(path, p->b, p->a_uuid);
		snprintf(line, sizeof(line), "v=1 unbilled_ns=%" PRIu64, p->unbilled_ns);
		p->saved = put(c, path, line);
	}
	for (i = 0; i < c->sources; i++)
		for (k = 0; k < c->source[i]->rows; k++)
			if (!c->source[i]->row[k].saved)
				save_row(c, c->source[i], &c->source[i]->row[k]);
}

void memory_know(struct collector *c, const struct tree *t, const uint8_t vm_uuid[16])
{
	char path[PATH_SIZE], *line;

	row_path(path, t->b, t->a_uuid, vm_uuid);
	line = xs_readf(c->xsh, "%s", path);
	if (!line && errno == ENOENT)
		put(c, path, "v=1");
	free(line);
}

void memory_forget_row(struct collector *c, const struct source *s, const struct kept *k)
{
	char path[PATH_SIZE];

	row_path(path, k->is.backend, s->uuid, k->is.uuid);
	put(c, path, "v=1");
}

static bool load_sums(const char *line, const char *prefix, struct acctring_statement_row *r)
{
	struct bill sum;

	if (!bill_parse_sums(line, prefix, &sum))
		return false;
	r->what = ACCTRING_STMT_VM;
	r->charged_ns = sum.charged_ns;
	r->posted_ns = sum.posted_ns;
	r->units = sum.units;
	r->bytes = sum.bytes;
	r->vbd_ns = sum.vbd_ns;
	r->vif_ns = sum.vif_ns;
	r->other_ns = sum.other_ns;
	r->shared_ns = sum.shared_ns;
	return true;
}

/* A row of an earlier collector: "v=1" alone, nothing was said of the VM yet. */
static bool load_row(struct collector *c, uint16_t b, const uint8_t a[16], const uint8_t vm[16],
		     const char *line)
{
	struct kept k = { .saved = true };
	char ledger[20], base[24];
	uint64_t domid;

	if (!kv_is_v1(line))
		return false;
	if (!kv_get(line, "ledger", ledger, sizeof(ledger)))
		return true;
	if (!parse_hex64(ledger, &k.ledger) || !kv_u64(line, "domid", UINT16_MAX, &domid) ||
	    !load_sums(line, "", &k.is) ||
	    (kv_get(line, BASE "charged_ns", base, sizeof(base)) &&
	     !load_sums(line, BASE, &k.base)))
		return false;
	k.is.backend = b;
	k.is.domid = (uint16_t)domid;
	memcpy(k.is.uuid, vm, 16);
	return source_restore(c, a, &k);
}

static bool read_row(struct collector *c, uint16_t b, const uint8_t a[16], const char *name)
{
	char path[PATH_SIZE], *line;
	uint8_t vm[16];
	bool ok;

	if (!uuid_parse(name, vm))
		return false;
	row_path(path, b, a, vm);
	line = xs_readf(c->xsh, "%s", path);
	ok = line && load_row(c, b, a, vm, line);
	if (line && !ok)
		log_warn("%s: \"%.60s\" is ignored, allowed: as in docs/protocol.md, 2.1", path,
			 line);
	free(line);
	if (ok) /* also one that does not live: it may be rebooting */
		serving_know(&c->serving, b, vm, now_ms());
	return ok;
}

static void load_pair(struct collector *c, uint16_t b, const char *name)
{
	char path[PATH_SIZE], *line, **names;
	unsigned int i, n;
	struct pair *p;
	uint8_t a[16];

	if (!uuid_parse(name, a))
		return;
	pair_path(path, b, a);
	line = xs_readf(c->xsh, "%s", path);
	p = line ? pair_of(c, b, a, true) : NULL;
	if (p)
		p->saved =
			kv_is_v1(line) && kv_u64(line, "unbilled_ns", UINT64_MAX, &p->unbilled_ns);
	free(line);
	names = xs_listf(c->xsh, &n, "%s", path);
	for (i = 0; i < n && p; i++)
		read_row(c, b, a, names[i]);
	free(names);
}

static void load_backend(struct collector *c, const char *name)
{
	char uuid[UUID_TEXT], *line, **names;
	uint64_t b, cpu, ended;
	struct limit *l;
	unsigned int i, n;

	if (!parse_u64(name, DOMID_LAST, &b))
		return;
	line = xs_readf(c->xsh, ROOT "/%s", name);
	l = line ? limit_of(c, (uint16_t)b) : NULL;
	if (l && kv_is_v1(line) && kv_get(line, "uuid", uuid, sizeof(uuid)) &&
	    uuid_parse(uuid, l->uuid) && kv_u64(line, "cpu_ns", UINT64_MAX, &cpu) &&
	    kv_u64(line, "ended_ns", UINT64_MAX, &ended)) {
		l->cpu_ns = cpu;
		l->ended_ns = ended;
		l->saved = kv_u64(line, "spent_ns", UINT64_MAX, &l->spent_ns);
	}
	free(line);
	names = xs_listf(c->xsh, &n, ROOT "/%s", name);
	for (i = 0; i < n; i++)
		load_pair(c, (uint16_t)b, names[i]);
	free(names);
}

void memory_load(struct collector *c)
{
	char **names;
	unsigned int i, n;

	if (!xs_mkdir(c->xsh, XBT_NULL, ROOT) || !xs_share(c->xsh, ROOT, 0, -1))
		log_warn(ROOT ": cannot make: %s", strerror(errno));
	names = xs_listf(c->xsh, &n, ROOT);
	for (i = 0; i < n; i++)
		load_backend(c, names[i]);
	free(names);
}

/* VMs that live, or did of late; what was said of others is no bill any more. */
static bool is_of_use(const struct collector *c, uint16_t b, const uint8_t vm[16])
{
	return domains_by_uuid(&c->domains, vm) || serving_believed(&c->serving, b, vm);
}

/* The CPU that was billed to them is spent all the same. */
static void sweep_rows(struct collector *c, struct source *s)
{
	struct acctring_statement_row above;
	struct limit *l;
	size_t i;

	for (i = s->rows; i-- > 0;) {
		struct kept *k = &s->row[i];

		if (is_of_use(c, k->is.backend, k->is.uuid))
			continue;
		bill_above(&k->is, &k->base, &above);
		l = limit_of(c, k->is.backend);
		if (!l)
			continue;
		l->spent_ns = limit_add(l->spent_ns, above.charged_ns);
		l->saved = false;
		*k = s->row[--s->rows];
	}
}

static unsigned int sweep_pair(struct collector *c, uint16_t b, const char *name)
{
	char path[PATH_SIZE], **names;
	unsigned int i, n, kept = 0;
	uint8_t a[16], vm[16];

	if (uuid_parse(name, a)) {
		names = xs_listf(c->xsh, &n, ROOT "/%u/%s", (unsigned int)b, name);
		for (i = 0; i < n; i++) {
			if (uuid_parse(names[i], vm) && is_of_use(c, b, vm)) {
				kept++;
				continue;
			}
			snprintf(path, sizeof(path), ROOT "/%u/%s/%.40s", (unsigned int)b, name,
				 names[i]);
			node_remove(c, path);
			log_debug("%s: that VM is no more", path);
		}
		free(names);
		if (kept || tree_believes(c, a, b))
			return kept + 1;
		pair_forget(c, b, a);
	}
	snprintf(path, sizeof(path), ROOT "/%u/%.40s", (unsigned int)b, name);
	node_remove(c, path);
	return 0;
}

static void sweep_backend(struct collector *c, const char *name)
{
	char path[PATH_SIZE], **names;
	unsigned int i, n, kept = 0;
	uint64_t b;

	if (parse_u64(name, DOMID_LAST, &b)) {
		names = xs_listf(c->xsh, &n, ROOT "/%s", name);
		for (i = 0; i < n; i++)
			kept += sweep_pair(c, (uint16_t)b, names[i]);
		free(names);
		if (kept || tree_of(c, (uint16_t)b))
			return;
		limit_forget(c, (uint16_t)b);
	}
	snprintf(path, sizeof(path), ROOT "/%.40s", name);
	node_remove(c, path);
}

void memory_sweep(struct collector *c)
{
	char **names;
	unsigned int i, n;
	size_t k;

	for (k = 0; k < c->sources; k++)
		sweep_rows(c, c->source[k]);
	names = xs_listf(c->xsh, &n, ROOT);
	for (i = 0; i < n; i++)
		sweep_backend(c, names[i]);
	free(names);
	c->swept_ms = now_ms();
}
