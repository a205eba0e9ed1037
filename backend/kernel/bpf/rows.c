/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rows.c - see rows.h.
 */
#include "backend/kernel/bpf/rows.h"

#include <inttypes.h>
#include <string.h>

#include "backend/kernel/bpf/shared.h"

void rows_add(struct rows *r, const char *name, uint64_t ns)
{
	unsigned int i;

	if (!ns)
		return;
	for (i = 0; i < r->n && strcmp(r->row[i].name, name) != 0; i++)
		;
	if (i == ROWS)
		i--;
	if (i == r->n) {
		r->row[i].name = name;
		r->n++;
	}
	r->row[i].ns += ns;
}

void rows_print(const struct rows *r, const char *head, FILE *f)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		fprintf(f, "%s\t%s\t%" PRIu64 "\n", head, r->row[i].name, r->row[i].ns);
}

const char *rows_pool(unsigned int pool)
{
	static const char *const names[BPF_POOLS] = {
		[BPF_IN_TASK] = "threads",
		[BPF_IN_WORK] = "work queues",
		[BPF_IN_FLUSH] = "writeback",
		[BPF_IN_EVENT] = "upcalls",
		[BPF_IN_IRQ] = "interrupts",
		[BPF_IN_SOFTIRQ] = "softirq tasklet, urgent",
		[BPF_IN_SOFTIRQ + 1] = "softirq timer",
		[BPF_SOFTIRQ_NET_TX] = "softirq net, sent",
		[BPF_SOFTIRQ_NET_RX] = "softirq net, received",
		[BPF_SOFTIRQ_BLOCK] = "softirq block",
		[BPF_SOFTIRQ_POLL] = "softirq block poll",
		[BPF_SOFTIRQ_TASKLET] = "softirq tasklet",
		[BPF_IN_SOFTIRQ + 7] = "softirq scheduler",
		[BPF_IN_SOFTIRQ + 8] = "softirq high-resolution timer",
		[BPF_IN_SOFTIRQ + 9] = "softirq RCU",
	};

	return pool < BPF_POOLS ? names[pool] : "threads";
}
