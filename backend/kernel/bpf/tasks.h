/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tasks.h - threads, interrupts, softirqs.
 */
#ifndef BPF_TASKS_H
#define BPF_TASKS_H

#include "frames.h"

#define TOKEN_EVENT 1
#define TOKEN_SOFTIRQ 16 /* and the vector */

static __always_inline void name_task(struct bpf_key *key, const struct task_struct *t)
{
	*key = (struct bpf_key){ .kind = BPF_USER, .id = t->tgid };
	if (!t->pid) /* without Xen's clock it has not burned what passed */
		*key = (struct bpf_key){ .kind = runstate() ? BPF_IDLE : 0 };
	else if (t->flags & PF_KTHREAD)
		*key = (struct bpf_key){ .kind = BPF_THREAD, .id = t->pid };
}

/* Frames of a thread that waits; those of interrupts cannot be among them. */
static __always_inline void save(struct cpu *c, const struct task_struct *t)
{
	struct saved s = { .task = (u64)t };
	u32 pid = t->pid, i;

	for (i = 0; i < FRAMES_SAVED; i++) {
		if (i >= c->depth || c->frame[i].key.pool >= BPF_IN_EVENT)
			break;
		s.frame[i] = c->frame[i];
		s.depth = i + 1;
	}
	if (s.depth && pid)
		bpf_map_update_elem(&waiting, &pid, &s, UPDATE_ANY);
}

static __always_inline void restore(struct cpu *c, const struct task_struct *t)
{
	u32 pid = t->pid, i;
	struct saved *s = bpf_map_lookup_elem(&waiting, &pid);

	if (!s)
		return;
	if (s->task == (u64)t) {
		for (i = 0; i < FRAMES_SAVED; i++)
			c->frame[i] = s->frame[i];
		c->depth = s->depth;
	}
	bpf_map_delete_elem(&waiting, &pid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *c = this_cpu();

	if (!c)
		return 0;
	account(c);
	if (c->depth)
		save(c, prev);
	c->depth = 0;
	name_task(&c->task, next);
	restore(c, next);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Interrupts                                                          */

SEC("fentry/xen_evtchn_do_upcall")
int BPF_PROG(on_event)
{
	struct bpf_key key = { .kind = BPF_POOL, .pool = BPF_IN_EVENT };
	struct cpu *c = this_cpu();

	if (c)
		push(c, &key, TOKEN_EVENT, true);
	return 0;
}

SEC("fexit/xen_evtchn_do_upcall")
int BPF_PROG(off_event)
{
	struct cpu *c = this_cpu();

	if (c)
		pop(c, TOKEN_EVENT);
	return 0;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(on_irq, int irq, struct irqaction *action)
{
	struct bpf_key key = { .kind = BPF_POOL, .pool = BPF_IN_IRQ, .id = irq };
	struct cpu *c = this_cpu();

	if (c)
		push(c, &key, (u64)action, true);
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(off_irq, int irq, struct irqaction *action)
{
	struct cpu *c = this_cpu();

	if (c)
		pop(c, (u64)action);
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq, unsigned int vec)
{
	struct bpf_key key = { .kind = BPF_POOL, .pool = BPF_IN_SOFTIRQ + vec };
	struct cpu *c = this_cpu();

	if (c && key.pool < BPF_POOLS)
		push(c, &key, TOKEN_SOFTIRQ + vec, true);
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(off_softirq, unsigned int vec)
{
	struct cpu *c = this_cpu();

	if (c)
		pop(c, TOKEN_SOFTIRQ + vec);
	return 0;
}

#endif
