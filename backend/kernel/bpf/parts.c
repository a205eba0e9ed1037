/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parts.c - see parts.h.
 */
#include "backend/kernel/bpf/parts.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST 7u /* programs of a part */

/* What a program looks at: a function, or a tracepoint by its type; of no program: a variable. */
struct aim {
	const char *program, *target;
};

static const struct part {
	const char *name, *module; /* NULL: in the kernel itself */
	struct aim of[MOST + 1];
} parts[PARTS] = {
	{ "threads, interrupts, work queues",
	  NULL,
	  { { "on_switch", "btf_trace_sched_switch" },
	    { "on_irq", "btf_trace_irq_handler_entry" },
	    { "off_irq", "btf_trace_irq_handler_exit" },
	    { "on_softirq", "btf_trace_softirq_entry" },
	    { "off_softirq", "btf_trace_softirq_exit" },
	    { "on_work", "btf_trace_workqueue_execute_start" },
	    { "off_work", "btf_trace_workqueue_execute_end" } } },
	{ "Xen's clock, steal taken out", NULL, { { NULL, "xen_runstate" } } },
	{ "Xen's upcall",
	  NULL,
	  { { "on_event", "xen_evtchn_do_upcall" }, { "off_event", "xen_evtchn_do_upcall" } } },
	{ "who submits block requests",
	  NULL,
	  { { "on_bio", "btf_trace_block_bio_queue" },
	    { "on_complete", "btf_trace_block_rq_complete" } } },
	{ "workers of block queues", NULL, { { "on_queue", "blk_mq_run_work_fn" } } },
	{ "writeback",
	  NULL,
	  { { "on_flush", "wb_workfn" }, { "on_inode", "__writeback_single_inode" } } },
	{ "polls", NULL, { { "on_any_poll", "btf_trace_napi_poll" } } },
	{ "ext4's workers", "ext4", { { "on_ext4", "ext4_end_io_rsv_work" } } },
	{ "loop",
	  "loop",
	  { { "on_loop", "loop_workfn" }, { "on_loop_root", "loop_rootcg_workfn" } } },
	{ "dm-crypt",
	  "dm_crypt",
	  { { "on_crypt", "kcryptd_crypt" }, { "on_crypt_read", "kcryptd_io_read_work" } } },
	{ "blkback",
	  "xen_blkback",
	  { { "on_ring", "xen_blkif_be_int" },
	    { "on_end", "end_block_io_op" },
	    { "on_purge", "xen_blkbk_unmap_purged_grants" } } },
	{ "netback, the guest sends",
	  "xen_netback",
	  { { "on_poll", "xenvif_poll" }, { "off_poll", "xenvif_poll" } } },
	{ "netback, the guest receives",
	  "xen_netback",
	  { { "on_xmit", "xenvif_start_xmit" }, { "off_xmit", "xenvif_start_xmit" } } },
	{ "netback, interrupts",
	  "xen_netback",
	  { { "on_tx_irq", "xenvif_tx_interrupt" },
	    { "on_rx_irq", "xenvif_rx_interrupt" },
	    { "on_vif_irq", "xenvif_interrupt" } } },
	{ "netback, who sent", "xen_netback", { { "on_give", "xenvif_rx_skb" } } },
};

static struct btf *vmlinux, *module;
static const char *module_name; /* of that */

const char *part_name(unsigned int part)
{
	return parts[part].name;
}

const char *part_says(enum part_state s)
{
	static const char *const says[] = {
		[PART_ABSENT] = "no: its module is not loaded",
		[PART_LACKS] = "no: this kernel has no such function",
		[PART_THERE] = "yes",
		[PART_ON] = "yes",
		[PART_FAILED] = "no: the kernel does not take it",
	};

	return says[s];
}

unsigned int part_programs(unsigned int part)
{
	unsigned int n;

	for (n = 0; parts[part].of[n].program; n++)
		;
	return n;
}

unsigned int part_of(const char *program)
{
	unsigned int i, j;

	for (i = 0; i < PARTS; i++)
		for (j = 0; parts[i].of[j].program; j++)
			if (!strcmp(parts[i].of[j].program, program))
				return i;
	return PARTS;
}

static struct btf *look_up(const char *name)
{
	if (!vmlinux)
		vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux || !name)
		return vmlinux;
	if (module_name == name)
		return module;
	btf__free(module);
	module = NULL;
	module_name = name;
	module = btf__load_module_btf(name, vmlinux);
	return module;
}

static unsigned int kind_of(const struct aim *a)
{
	if (!a->program)
		return BTF_KIND_VAR;
	return strncmp(a->target, "btf_trace_", 10) ? BTF_KIND_FUNC : BTF_KIND_TYPEDEF;
}

enum part_state part_probe(unsigned int part)
{
	const struct part *p = &parts[part];
	struct btf *btf;
	unsigned int i;
	char path[80];

	/* of a module that is not loaded this is asked every second: cheaply */
	if (p->module) {
		snprintf(path, sizeof(path), "/sys/kernel/btf/%s", p->module);
		if (access(path, R_OK))
			return PART_ABSENT;
	}
	btf = look_up(p->module);
	for (i = 0; p->of[i].target; i++) {
		if (!btf || btf__find_by_name_kind(btf, p->of[i].target, kind_of(&p->of[i])) < 0)
			return PART_LACKS;
	}
	return PART_THERE;
}

void part_forget(void)
{
	btf__free(module);
	btf__free(vmlinux);
	module = vmlinux = NULL;
	module_name = NULL;
}
