/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * irqs.h - which interrupts are a device's (disks, network cards), by the
 * names that their handlers gave.
 */
#ifndef KERNEL_IRQS_H
#define KERNEL_IRQS_H

#include <stdbool.h>

struct irqs {
	const char *sys;
	unsigned char *is; /* by number: 0 not known yet */
	unsigned int n;
	unsigned int period;
};

/* Before each period: what is known is forgotten now and then, numbers are used again. */
void irqs_begin(struct irqs *i, const char *sys);
bool irqs_is_device(struct irqs *i, unsigned int irq);
void irqs_free(struct irqs *i);
/* Pure: what stands in /sys/kernel/irq/N/actions. */
bool irq_name_is_device(const char *actions);

#endif
