/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owed.c - what is known of each VM's debt, for people in dom0, and for the
 * next start of anybody who wants to know what a VM had:
 *
 *	/tool/acctring/debt/<UUID>		what the law says
 *	/tool/acctring/entitlement/<UUID>	what was found, and what we wrote last
 *
 * Owner dom0, read by nobody else; with the bills, when changed.
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

#define DEBT "/tool/acctring/debt"
#define ENTITLEMENT "/tool/acctring/entitlement"
#define KEPT_MAX 2000 /* bytes of a line that go into the store; the file has all */

static const char *const knob_text[KNOBS] = { "weight", "cap" };

void owed_line(const struct collector *c, const struct debt_vm *v, char line[OWED_LINE])
{
	const struct domain *d = domains_same(&c->domains, v->domid, v->e.uuid);
	const struct knob *k = &v->e.knob[v->knob];
	char uuid[UUID_TEXT];

	uuid_format(v->e.uuid, uuid);
	snprintf(line, OWED_LINE,
		 "v=1 uuid=%s domid=%u%s%s mode=%s state=%s scheduler=%s knob=%s found=%u "
		 "entitled=%u is=%u law=%u debt_ns=%" PRIu64 " uncollected_ns=%" PRIu64
		 " forgiven_ns=%" PRIu64 " passed_ns=%" PRIu64 " limit=%" PRIu64,
		 uuid, (unsigned int)v->domid, d && d->name[0] ? " name=" : "", d ? d->name : "",
		 mode_name(c->debt.mode), vm_why(v->why), sched_name(v->kind), knob_text[v->knob],
		 (unsigned int)k->found, (unsigned int)entitle_of(&v->e, v->knob),
		 (unsigned int)k->is, v->value, v->law.is.debt_ns, v->law.balance.uncollected_ns,
		 v->law.balance.forgiven_ns, v->passed_ns, v->law.is.limit);
}

static void put(struct collector *c, const char *root, const char *uuid, const char *line)
{
	char path[96], *old;

	snprintf(path, sizeof(path), "%s/%s", root, uuid);
	old = xs_readf(c->xsh, "%s", path);
	if (!old || strcmp(old, line) != 0)
		xs_writef(c->xsh, path, "%s", line);
	free(old);
}

/* The sets of what was written may be long: then only the file has them. */
static void put_kept(struct collector *c, const struct debt_vm *v, const char *uuid)
{
	char *line;
	size_t size;

	if (entitle_empty(&v->e))
		return;
	line = malloc(ENTITLE_LINE);
	if (!line)
		return;
	size = entitle_line(&v->e, line, ENTITLE_LINE - 1);
	line[size > KEPT_MAX ? ENTITLE_HEAD : size] = '\0';
	put(c, ENTITLEMENT, uuid, line);
	free(line);
}

static void sweep(struct collector *c, const char *root)
{
	char path[96], **names;
	const struct debt_vm *v;
	uint8_t uuid[16];
	unsigned int i, n;

	names = xs_listf(c->xsh, &n, "%s", root);
	for (i = 0; i < n; i++) {
		v = uuid_parse(names[i], uuid) ? vm_by_uuid(c, uuid) : NULL;
		snprintf(path, sizeof(path), "%s/%.64s", root, names[i]);
		if (!v || v->why == DEBT_UNSERVED)
			node_remove(c, path);
	}
	free(names);
}

void owed_publish(struct collector *c)
{
	char line[OWED_LINE], uuid[UUID_TEXT];
	bool any = false;
	size_t i;

	for (i = 0; i < c->debt.vms && !any; i++)
		any = c->debt.vm[i]->why != DEBT_UNSERVED;
	if (any &&
	    (!xs_mkdir(c->xsh, XBT_NULL, DEBT) || !xs_share(c->xsh, DEBT, 0, -1) ||
	     !xs_mkdir(c->xsh, XBT_NULL, ENTITLEMENT) || !xs_share(c->xsh, ENTITLEMENT, 0, -1)))
		log_warn(DEBT ": cannot make: %s", strerror(errno));
	for (i = 0; i < c->debt.vms; i++) {
		const struct debt_vm *v = c->debt.vm[i];

		if (v->why == DEBT_UNSERVED)
			continue;
		uuid_format(v->e.uuid, uuid);
		owed_line(c, v, line);
		put(c, DEBT, uuid, line);
		put_kept(c, v, uuid);
	}
	if (any)
		sweep(c, DEBT);
}
