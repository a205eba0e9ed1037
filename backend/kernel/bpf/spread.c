/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spread.c - see spread.h.
 */
#include "backend/kernel/bpf/spread.h"

typedef uint64_t weight_of(const struct share *s, unsigned int pool);
typedef void give_to(struct share *s, unsigned int pool, uint64_t n);

static uint64_t by_units(const struct share *s, unsigned int pool)
{
	return s->in[pool].units;
}

/* A disk's or card's interrupt: by what came of it in the softirqs. */
static uint64_t by_device(const struct share *s, unsigned int pool)
{
	(void)pool;
	return s->in[BPF_SOFTIRQ_BLOCK].units + s->in[BPF_SOFTIRQ_NET_RX].units;
}

/*
 * As share_ns(), over a list.  Sums of weights fit: they are counts of a
 * period.
 */
static void divide(uint64_t n, struct share *shares, struct share *host, unsigned int pool,
		   weight_of *weight, give_to *give)
{
	__extension__ typedef unsigned __int128 wide;
	uint64_t all = 0, upto = 0, given = 0, here;
	struct share *s;

	for (s = shares; s; s = s->next)
		all += weight(s, pool);
	for (s = shares; s && all; s = s->next) {
		upto += weight(s, pool);
		here = (uint64_t)((wide)n * upto / all);
		give(s, pool, here - given);
		given = here;
	}
	if (!all)
		give(host, pool, n);
}

static void give_ns(struct share *s, unsigned int pool, uint64_t ns)
{
	s->in[pool].ns += ns;
	s->pool_ns += ns;
}

static void give_units(struct share *s, unsigned int pool, uint64_t units)
{
	s->in[pool].units += units;
}

void spread(const struct pools *p, struct share *shares, struct share *host)
{
	unsigned int i;

	/* the weights of a device's interrupts, before anything is added to them */
	divide(p->device_ns, shares, host, BPF_IN_IRQ, by_device, give_ns);
	divide(p->device_count, shares, host, BPF_IN_IRQ, by_device, give_units);
	/* timers, other CPUs' calls: ours */
	host->in[BPF_IN_IRQ].ns += p->ns[BPF_IN_IRQ];
	host->in[BPF_IN_IRQ].units += p->irq_count;
	for (i = 0; i < BPF_POOLS; i++) {
		/* the upcall is once for each interrupt: by their number */
		if (i == BPF_IN_EVENT)
			divide(p->ns[i], shares, host, BPF_IN_IRQ, by_units, give_ns);
		else if (i != BPF_IN_IRQ)
			divide(p->ns[i], shares, host, i, by_units, give_ns);
	}
}

uint64_t share_total(const struct share *s)
{
	uint64_t ns = 0;
	unsigned int i;

	for (i = 0; i < BPF_POOLS; i++)
		ns += s->in[i].ns;
	return ns;
}
