/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report.c - for people in dom0: what the accountants say of each driver
 * domain, and of the VMs there (docs/protocol.md, 2.1).
 *
 *	/tool/acctring/domain/<B>			the driver domain
 *	/tool/acctring/domain/<B>/<UUID of a VM>	a VM at it
 *
 * Owner dom0, read by nobody else.  One transaction, so that a reader who
 * uses one too finds sums and their time together.
 */
#include "collector/collector.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOT "/tool/acctring/domain"
#define PATH_SIZE 96
#define LINE_SIZE 768
#define TRIES 4

struct pass {
	struct collector *c;
	xs_transaction_t t;
	bool failed; /* a write did */
};

void report_keep(struct collector *c, const struct source *s,
		 const struct acctring_statement_row *row)
{
	struct tree *t = tree_of(c, row->backend);

	if (!t || !uuid_equal(t->a_uuid, s->uuid) || !uuid_equal(t->b_uuid, row->uuid))
		return;
	if (t->stated && t->state_ns == s->work->t_ns && t->ledger == s->work->incarnation &&
	    !memcmp(&t->state, row, sizeof(*row)))
		return;
	t->state = *row;
	t->state_ns = s->work->t_ns;
	t->state_unix = (uint64_t)time(NULL);
	t->ledger = s->work->incarnation;
	t->stated = true;
}

/* Only what is not there as it should be is written. */
static void put(struct pass *p, const char *path, const char *old, const char *line)
{
	struct xs_permissions mine = { .id = 0, .perms = XS_PERM_NONE };

	if (p->failed || (old && !strcmp(old, line)))
		return;
	p->failed = !xs_write(p->c->xsh, p->t, path, line, (unsigned int)strlen(line)) ||
		    (!old && !xs_set_permissions(p->c->xsh, p->t, path, &mine, 1));
}

static void put_domain(struct pass *p, const struct tree *t)
{
	const struct acctring_statement_row *r = &t->state;
	char path[PATH_SIZE], uuid[UUID_TEXT], line[LINE_SIZE], *old;

	snprintf(path, sizeof(path), ROOT "/%u", (unsigned int)t->b);
	uuid_format(t->b_uuid, uuid);
	snprintf(line, sizeof(line),
		 "v=1 t=%" PRIu64 " uuid=%s%s%s accountant=%u links=%u measured_ns=%" PRIu64
		 " charged_ns=%" PRIu64 " own_ns=%" PRIu64 " unattributed_ns=%" PRId64
		 " refused_units=%" PRIu64 " epochs_lost=%" PRIu64 " t_ns=%" PRIu64
		 " period_ms=%" PRId64 " ledger=%016" PRIx64,
		 t->state_unix, uuid, t->b_name[0] ? " name=" : "", t->b_name, (unsigned int)t->a,
		 (unsigned int)r->links, r->measured_ns, r->charged_ns, r->own_ns,
		 (int64_t)r->unattributed_ns, r->refused_units, r->epochs_lost, t->state_ns,
		 p->c->config.bill_period_ms, t->ledger);
	old = xs_read(p->c->xsh, p->t, path, NULL);
	put(p, path, old, line);
	free(old);
}

/* The name that it has; had, when it lives no more; or none. */
static void vm_name(const struct domain *vm, const char *old, char name[DOMAIN_NAME])
{
	name[0] = '\0';
	if (vm && vm->name[0])
		memcpy(name, vm->name, DOMAIN_NAME);
	else if (old && !kv_get(old, "name", name, DOMAIN_NAME))
		name[0] = '\0';
}

static void put_vm(struct pass *p, const struct acctring_statement_row *r)
{
	const struct domain *vm = domains_by_uuid(&p->c->domains, r->uuid);
	char path[PATH_SIZE], uuid[UUID_TEXT], line[LINE_SIZE], name[DOMAIN_NAME], *old;

	uuid_format(r->uuid, uuid);
	snprintf(path, sizeof(path), ROOT "/%u/%s", (unsigned int)r->backend, uuid);
	old = xs_read(p->c->xsh, p->t, path, NULL);
	vm_name(vm, old, name);
	/* the domid is the accountant's word for a VM that lives no more */
	snprintf(line, sizeof(line),
		 "v=1 domid=%u%s%s charged_ns=%" PRIu64 " posted_ns=%" PRIu64 " units=%" PRIu64
		 " bytes=%" PRIu64 " vbd_ns=%" PRIu64 " vif_ns=%" PRIu64 " other_ns=%" PRIu64
		 " shared_ns=%" PRIu64,
		 (unsigned int)(vm ? vm->domid : r->domid), name[0] ? " name=" : "", name,
		 r->charged_ns, r->posted_ns, r->units, r->bytes, r->vbd_ns, r->vif_ns, r->other_ns,
		 r->shared_ns);
	put(p, path, old, line);
	free(old);
}

static bool is_told(const struct collector *c, const struct tree *t,
		    const struct acctring_statement_row *r)
{
	return r->backend == t->b && serving_believed(&c->serving, t->b, r->uuid);
}

/* VMs that are there and of which nothing is told any more. */
static void drop_vms(struct pass *p, const struct tree *t, const struct source *s)
{
	char path[PATH_SIZE], uuid[UUID_TEXT], **names;
	unsigned int i, n = 0;
	size_t k;

	snprintf(path, sizeof(path), ROOT "/%u", (unsigned int)t->b);
	names = xs_directory(p->c->xsh, p->t, path, &n);
	for (i = 0; names && i < n && !p->failed; i++) {
		for (k = 0; k < s->rows; k++) {
			uuid_format(s->row[k].is.uuid, uuid);
			if (!strcmp(uuid, names[i]) && is_told(p->c, t, &s->row[k].is))
				break;
		}
		snprintf(path, sizeof(path), ROOT "/%u/%.64s", (unsigned int)t->b, names[i]);
		if (k == s->rows)
			p->failed = !xs_rm(p->c->xsh, p->t, path);
	}
	free(names);
}

static void put_tree(struct pass *p, const struct tree *t)
{
	const struct source *s = source_by_uuid(p->c, t->a_uuid);
	size_t i;

	if (!t->stated || !s)
		return;
	put_domain(p, t);
	for (i = 0; i < s->rows; i++)
		if (is_told(p->c, t, &s->row[i].is))
			put_vm(p, &s->row[i].is);
	drop_vms(p, t, s);
}

/* 0 or -errno. */
static int publish_all(struct collector *c)
{
	struct pass p = { .c = c, .t = xs_transaction_start(c->xsh) };
	size_t i;
	int err;

	if (!p.t)
		return -errno;
	for (i = 0; i < c->trees && !p.failed; i++)
		put_tree(&p, &c->tree[i]);
	if (!p.failed)
		return xs_transaction_end(c->xsh, p.t, false) ? 0 : -errno;
	err = -errno;
	xs_transaction_end(c->xsh, p.t, true);
	return err;
}

void reports_publish(struct collector *c)
{
	int err = -EAGAIN, tries;
	size_t i;

	for (i = 0; i < c->trees && !c->tree[i].stated; i++)
		;
	if (i == c->trees)
		return;
	for (tries = 0; tries < TRIES && err == -EAGAIN; tries++)
		err = publish_all(c);
	if (err && !c->report_failed)
		log_warn(ROOT ": cannot write: %s, trying again", strerror(-err));
	c->report_failed = err != 0;
}

void report_remove(struct collector *c, uint16_t b)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), ROOT "/%u", (unsigned int)b);
	node_remove(c, path);
}

/* What an earlier collector wrote of this very domain stays until there is news. */
static bool is_of(struct collector *c, const char *path, const struct tree *t)
{
	char *line = xs_readf(c->xsh, "%s", path), uuid[UUID_TEXT], mine[UUID_TEXT];
	bool same;

	uuid_format(t->b_uuid, mine);
	same = line && kv_get(line, "uuid", uuid, sizeof(uuid)) && !strcmp(uuid, mine);
	free(line);
	return same;
}

void reports_sweep(struct collector *c)
{
	char path[PATH_SIZE], **names;
	const struct tree *t;
	unsigned int i, n;
	uint64_t b;

	if (!xs_mkdir(c->xsh, XBT_NULL, ROOT) || !xs_share(c->xsh, ROOT, 0, -1))
		log_warn(ROOT ": cannot make: %s", strerror(errno));
	names = xs_listf(c->xsh, &n, ROOT);
	for (i = 0; i < n; i++) {
		t = parse_u64(names[i], DOMID_LAST, &b) ? tree_of(c, (uint16_t)b) : NULL;
		snprintf(path, sizeof(path), ROOT "/%.64s", names[i]);
		if (!t || !is_of(c, path, t))
			node_remove(c, path);
	}
	free(names);
}
