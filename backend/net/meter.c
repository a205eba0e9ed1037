/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/meter.h"

#include "backend/cpu.h"

#define SHARE_SHIFT 20u /* a batch of less than hours */

void meter_begin(struct meter *m, struct acctring_lane *lane)
{
	m->lane = lane;
	m->n = 0;
	m->aside = 0;
	m->clock = cpu_ns();
	m->mark = acctring_counter(lane);
}

uint64_t meter_lap(struct meter *m)
{
	uint64_t before = m->mark;

	m->mark = acctring_counter(m->lane);
	return m->mark - before;
}

struct meter_entry *meter_add(struct meter *m, const struct payer *p, uint8_t klass)
{
	struct meter_entry *e = &m->entry[m->n++];

	*e = (struct meter_entry){ .payer = p, .c = { .units = 1, .klass = klass } };
	return e;
}

void meter_work(struct meter *m, struct meter_entry *e, uint64_t cycles)
{
	e->cycles += cycles;
	e->c.end = m->mark;
}

void meter_post(struct meter *m, const struct payer *p, struct acctring_cost *c, uint64_t cycles)
{
	uint64_t ns = acctring_ns(m->lane, cycles);

	c->ns += ns;
	c->end = m->mark;
	m->aside += ns;
	bill_post(m->lane, p, c);
}

uint64_t meter_settle(struct meter *m, uint64_t idle)
{
	uint64_t before = m->clock, cycles = 0, ns, mult;
	unsigned int i;

	m->clock = cpu_ns();
	ns = m->clock - before;
	ns = ns > m->aside ? ns - m->aside : 0;
	m->aside = 0;
	for (i = 0; i < m->n; i++)
		cycles += m->entry[i].cycles;
	mult = cycles ? (ns << SHARE_SHIFT) / cycles : 0;
	for (i = 0; i < m->n; i++) {
		struct meter_entry *e = &m->entry[i];

		e->c.ns += e->cycles * mult >> SHARE_SHIFT;
		if (!i)
			e->c.ns += idle;
		bill_post(m->lane, e->payer, &e->c);
	}
	m->n = 0;
	return ns;
}
