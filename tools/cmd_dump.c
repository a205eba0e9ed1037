/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_dump.c - acctctl dump: tabs, for scripts.  Columns stay where they
 * are; new ones are added at the end.
 */
#include "common/log.h"
#include "tools/command.h"
#include "tools/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define U "\t%" PRIu64

static void perhaps(bool known, uint64_t value)
{
	if (known)
		printf("%" PRIu64, value);
	else
		putchar('-');
}

/* No statement tells, so the store does not. */
static void unknown(const struct snapshot *s, uint64_t value)
{
	perhaps(!s->store, value);
}

static void dump_basis(const struct snap_basis *b)
{
	static const enum basis order[BASES] = { BASIS_DIRECT, BASIS_THREAD, BASIS_POOL,
						 BASIS_MODEL };

	for (unsigned int i = 0; i < BASES; i++) {
		putchar('\t');
		perhaps(b->known, b->ns[order[i]]);
	}
	putchar('\t');
	perhaps(b->low_known, b->low_ns);
	putchar('\t');
	perhaps(b->known, b->high_ns);
}

static void dump_ledger(const struct snapshot *s)
{
	const struct snap_vm *v;

	puts("#uuid\tdomid\tname\tbackend\tcharged_ns\tposted_ns\tunits\tbytes\tvbd_ns\tvif_ns\t"
	     "other_ns\tsender_ns\tdirect_ns\tthread_ns\tpool_ns\tmodel_ns\tlow_ns\thigh_ns");
	for (v = s->vm; v < s->vm + s->vms; v++) {
		printf("%s" U "\t%s" U U U U U U U U "\t", v->uuid, v->domid, v->name, v->backend,
		       v->charged_ns, v->posted_ns, v->units, v->bytes, v->vbd_ns, v->vif_ns,
		       v->other_ns);
		unknown(s, v->sender_ns);
		dump_basis(&v->basis);
		putchar('\n');
	}
}

static void dump_accounts(const struct snapshot *s)
{
	const struct snap_account *a;
	const struct snap_vm *v;

	puts("#uuid\tdomid\tname\tbackend\tkind\tdevice\tclass\tposts\tunits\tbytes\tposted_ns");
	for (v = s->vm; v < s->vm + s->vms; v++)
		for (a = v->account; a < v->account + v->accounts; a++)
			printf("%s" U "\t%s" U "\t%s" U "\t%s" U U U U "\n", v->uuid, v->domid,
			       v->name, v->backend, a->kind, a->device, a->klass, a->posts,
			       a->units, a->bytes, a->posted_ns);
}

static void dump_links(const struct snapshot *s)
{
	const struct snap_link *l;

	puts("#backend\tslot\tepoch\tprogram\tstate\trecords\tspilled\toverflowed\tlanes\tcpu_ns\t"
	     "reason");
	for (l = s->link; l < s->link + s->links; l++)
		printf("%" PRIu64 U "\t%s\t%s\t%s" U U U U U "\t%s\n", l->backend, l->slot,
		       l->epoch, l->program, l->state, l->records, l->spilled, l->overflowed,
		       l->lanes, l->cpu_ns, l->reason);
}

static void dump_domains(const struct snapshot *s)
{
	const struct snap_domain *d;

	puts("#uuid\tdomid\tname\tmeasured_ns\tcharged_ns\town_ns\tunattributed_ns\t"
	     "refused_units\trefused_ns\tepochs_lost\taccountant\tlinks\tt");
	for (d = s->domain; d < s->domain + s->domains; d++) {
		printf("%s" U "\t%s" U U U "\t%" PRId64 U "\t", d->uuid, d->domid, d->name,
		       d->measured_ns, d->charged_ns, d->own_ns, d->unattributed_ns,
		       d->refused_units);
		unknown(s, d->refused_ns);
		printf(U U U "\t%.3f\n", d->epochs_lost, d->accountant, d->links, d->t);
	}
}

static const struct {
	const char *name;
	void (*dump)(const struct snapshot *s);
	bool socket; /* only the accountant itself tells */
} parts[] = {
	{ "ledger", dump_ledger, false },
	{ "accounts", dump_accounts, true },
	{ "links", dump_links, true },
	{ "domains", dump_domains, false },
};

int cmd_dump(int argc, char **argv)
{
	unsigned int i = 0;
	struct snapshot s;
	struct source src;
	struct common o;
	int status;

	common_parse(&o, argc, argv, TAKES_ARGUMENT | TAKES_SOURCE);
	if (o.argument)
		while (i < 4 && strcmp(parts[i].name, o.argument) != 0)
			i++;
	if (i == 4)
		die(EXIT_USAGE, "dump: %s: unknown, allowed: ledger, accounts, links, domains",
		    o.argument);
	source_begin(&src, &o);
	status = source_get(&src, &s);
	if (!status && s.store && parts[i].socket) {
		log_error("dump: %s: xenstore does not tell, allowed: ledger, domains; all else in "
			  "the domain of the accountant: %" PRIu64,
			  parts[i].name, s.domain[0].accountant);
		status = EXIT_ENV;
	} else if (!status) {
		parts[i].dump(&s);
	}
	source_end(&src);
	snap_free(&s);
	return status;
}
