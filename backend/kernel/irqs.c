/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * irqs.c - see irqs.h.
 */
#include "backend/kernel/irqs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kernel/counter.h"

#define MOST 65536u
#define PERIODS 20u

enum { UNKNOWN, HOST, DEVICE };

/* Linux's and Xen's own; "" where a number has no handler any more. */
bool irq_name_is_device(const char *actions)
{
	static const char *const own[] = { "timer",    "resched", "callfunc", "debug",	"irqwork",
					   "spinlock", "xenbus",  "xen-",     "hvc",	"rtc",
					   "acpi",     "evtchn:", "pmu",      "serial", "ttyS" };
	unsigned int i;

	if (!actions[0])
		return false;
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strncmp(actions, own[i], strlen(own[i])))
			return false;
	return true;
}

void irqs_begin(struct irqs *i, const char *sys)
{
	i->sys = sys;
	if (i->is && i->period++ % PERIODS == 0)
		memset(i->is, UNKNOWN, i->n);
}

static bool look_up(const struct irqs *i, unsigned int irq)
{
	char path[300], text[80];
	int n;

	snprintf(path, sizeof(path), "%s/kernel/irq/%u/actions", i->sys, irq);
	n = read_text(AT_FDCWD, path, text, sizeof(text));
	if (n <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return irq_name_is_device(text);
}

static bool grow(struct irqs *i, unsigned int irq)
{
	unsigned int n = irq + 64;
	unsigned char *is = irq < MOST ? realloc(i->is, n) : NULL;

	if (!is)
		return false;
	memset(is + i->n, UNKNOWN, n - i->n);
	i->is = is;
	i->n = n;
	return true;
}

bool irqs_is_device(struct irqs *i, unsigned int irq)
{
	if (irq >= i->n && !grow(i, irq))
		return false;
	if (i->is[irq] == UNKNOWN)
		i->is[irq] = look_up(i, irq) ? DEVICE : HOST;
	return i->is[irq] == DEVICE;
}

void irqs_free(struct irqs *i)
{
	free(i->is);
	i->is = NULL;
	i->n = 0;
}
