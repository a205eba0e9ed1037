/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * block.h - block requests: for whom they are completed; xen-blkback.
 */
#ifndef BPF_BLOCK_H
#define BPF_BLOCK_H

#include "frames.h"

/* Who has submitted a bio, until it is completed. */
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct bpf_key);
} bios SEC(".maps");

SEC("tp_btf/block_bio_queue")
int BPF_PROG(on_bio, struct bio *bio)
{
	struct cpu *c = this_cpu();
	u64 at = (u64)bio;
	struct bpf_key key;

	if (!c)
		return 0;
	key = *top(c);
	bpf_map_update_elem(&bios, &at, &key, UPDATE_ANY);
	return 0;
}

/* From one completion to the next it is for whom the first was submitted. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *rq)
{
	struct bpf_key key = { .kind = BPF_HOST }, *who = 0;
	struct bio *bio = rq->bio;
	struct cpu *c = this_cpu();
	struct frame *f;
	u64 at = (u64)bio;

	if (!c)
		return 0;
	f = shared_top(c);
	if (!f || f->key.pool < BPF_IN_EVENT)
		return 0;
	if (bio) {
		who = bpf_map_lookup_elem(&bios, &at);
		if (!who) { /* it was split from that */
			at = (u64)BPF_CORE_READ(bio, bi_private);
			who = bpf_map_lookup_elem(&bios, &at);
		}
	}
	if (who && who->kind != BPF_POOL)
		key = *who;
	claim(c, &key);
	return 0;
}

/* ------------------------------------------------------------------ */
/* xen-blkback                                                         */

static __always_inline int claim_ring(const struct xen_blkif_ring *ring)
{
	struct bpf_key key = { .kind = BPF_VBD };
	struct cpu *c = this_cpu();

	key.id = BPF_CORE_READ(ring, blkif, domid);
	key.sub = BPF_CORE_READ(ring, blkif, vbd.handle);
	if (c)
		claim(c, &key);
	return 0;
}

SEC("fentry/xen_blkif_be_int")
int BPF_PROG(on_ring, int irq, void *ring)
{
	return claim_ring(ring);
}

SEC("fentry/xen_blkbk_unmap_purged_grants")
int BPF_PROG(on_purge, struct work_struct *work)
{
	return claim_ring(container(work, struct xen_blkif_ring, persistent_purge_work));
}

SEC("fentry/end_block_io_op")
int BPF_PROG(on_end, struct bio *bio)
{
	struct pending_req *p = BPF_CORE_READ(bio, bi_private);

	return claim_ring(BPF_CORE_READ(p, ring));
}

#endif
