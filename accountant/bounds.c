/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/bounds.h"

#include "accountant/worker.h"

uint64_t bounds_unattributed(const struct domain *d)
{
	uint64_t refused = d->refused ? d->refused->book.charged_ns : 0;
	uint64_t used = sat_add(d->charged_ns - refused, d->s.own_ns);

	/* charge.h: never more than measured; a ledger that was edited may hold it */
	return d->s.measured_ns > used ? d->s.measured_ns - used : 0;
}

/* The VMs of d: fn gets each, and says whether it is to be looked at next time. */
static void each(struct worker *w, const struct domain *d,
		 bool (*fn)(struct worker *w, struct account *vm, void *ctx), void *ctx)
{
	struct account **p = &w->accounts.near, *vm;

	while ((vm = *p)) {
		if (vm->key.backend != d->domid || fn(w, vm, ctx)) {
			p = &vm->near;
			continue;
		}
		*p = vm->near;
		vm->near = NULL;
		vm->is_near = false;
	}
}

static bool add_shared(struct worker *w, struct account *vm, void *ctx)
{
	uint64_t *sum = ctx;

	(void)w;
	*sum += vm->beside.shared_ns;
	return true;
}

struct window {
	uint64_t shared_ns; /* of all VMs */
	uint64_t more_ns, less_ns; /* that is nobody's */
};

static bool take(struct worker *w, struct account *vm, void *ctx)
{
	const struct window *now = ctx;
	struct beside *b = &vm->beside;
	uint64_t was = b->ns, back = now->less_ns < b->run_ns ? now->less_ns : b->run_ns;

	b->ns -= back;
	b->run_ns -= back;
	if (b->active) {
		b->ns = sat_add(b->ns, sat_add(now->more_ns, now->shared_ns - b->shared_ns));
		b->run_ns = sat_add(b->run_ns, now->more_ns);
	} else if (now->more_ns) {
		b->run_ns = 0; /* what is claimed from now on was nobody's without it */
	}
	b->active = false;
	b->shared_ns = 0;
	if (b->ns != was) {
		vm->based = true;
		account_store(&w->accounts, vm);
	}
	return b->run_ns != 0;
}

void bounds_look(struct worker *w, struct domain *d)
{
	struct bounds *last = &d->bounds;
	uint64_t left = bounds_unattributed(d);
	struct window now = { 0 };

	if (last->measured_ns == d->s.measured_ns)
		return;
	if (last->looked && left > last->unattributed_ns)
		now.more_ns = left - last->unattributed_ns;
	else if (last->looked)
		now.less_ns = last->unattributed_ns - left;
	last->looked = true;
	last->measured_ns = d->s.measured_ns;
	last->unattributed_ns = left;
	each(w, d, add_shared, &now.shared_ns);
	each(w, d, take, &now);
}
