/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net.h - xen-netback: guests that send and receive.
 */
#ifndef BPF_NET_H
#define BPF_NET_H

#include "frames.h"

static __always_inline void name_vif(struct bpf_key *key, u16 kind, const struct xenvif *vif)
{
	*key = (struct bpf_key){ .kind = kind };
	key->id = BPF_CORE_READ(vif, domid);
	key->sub = BPF_CORE_READ(vif, handle);
}

static __always_inline int claim_vif(u16 kind, const struct xenvif_queue *q)
{
	struct cpu *c = this_cpu();
	struct bpf_key key;

	name_vif(&key, kind, BPF_CORE_READ(q, vif));
	if (c)
		claim(c, &key);
	return 0;
}

SEC("fentry/xenvif_tx_interrupt")
int BPF_PROG(on_tx_irq, int irq, void *queue)
{
	return claim_vif(BPF_VIF_TX, queue);
}

SEC("fentry/xenvif_rx_interrupt")
int BPF_PROG(on_rx_irq, int irq, void *queue)
{
	return claim_vif(BPF_VIF_RX, queue);
}

SEC("fentry/xenvif_interrupt")
int BPF_PROG(on_vif_irq, int irq, void *queue)
{
	return claim_vif(BPF_VIF_TX, queue);
}

SEC("fentry/xenvif_poll")
int BPF_PROG(on_poll, struct napi_struct *napi)
{
	struct xenvif_queue *q = container(napi, struct xenvif_queue, napi);
	struct cpu *c = this_cpu();
	struct bpf_key key;

	name_vif(&key, BPF_VIF_TX, BPF_CORE_READ(q, vif));
	if (c)
		enter(c, &key, (u64)napi);
	return 0;
}

SEC("fexit/xenvif_poll")
int BPF_PROG(off_poll, struct napi_struct *napi)
{
	struct cpu *c = this_cpu();

	if (c)
		pop(c, (u64)napi);
	return 0;
}

/* Others' polls, by which what is between polls is divided. */
SEC("tp_btf/napi_poll")
int BPF_PROG(on_any_poll)
{
	struct bpf_key key = { .kind = BPF_HOST };
	struct cpu *c = this_cpu();
	struct frame *f;

	if (!c)
		return 0;
	f = shared_top(c);
	if (!f)
		return 0;
	key.pool = f->key.pool;
	add(&key, 0, 1);
	return 0;
}

/* Of a frame that no guest sends: from outside, or this domain's own. */
SEC("fentry/xenvif_start_xmit")
int BPF_PROG(on_xmit, struct sk_buff *skb, struct net_device *dev)
{
	const struct xenvif *vif =
		(void *)dev + ((bpf_core_type_size(struct net_device) + 31) & ~31ull);
	struct cpu *c = this_cpu();
	struct bpf_key key;

	if (!c || !shared_top(c))
		return 0;
	name_vif(&key, BPF_VIF_RX, vif);
	enter(c, &key, (u64)skb);
	return 0;
}

SEC("fexit/xenvif_start_xmit")
int BPF_PROG(off_xmit, struct sk_buff *skb)
{
	struct cpu *c = this_cpu();

	if (c)
		pop(c, (u64)skb);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Who sent it                                                         */

/* Apart from the sums: what finds no room here has no sender, and that is all. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, BPF_PAIRS);
	__type(key, struct bpf_key);
	__type(value, struct bpf_sum);
} pairs SEC(".maps");

/* The first frame of the queue is about to be given to the guest. */
SEC("fentry/xenvif_rx_skb")
int BPF_PROG(on_give, struct xenvif_queue *q)
{
	const struct sk_buff *skb = BPF_CORE_READ(q, rx_queue.next);
	u32 from = BPF_CORE_READ(skb, skb_iif);
	struct bpf_sum *s, none = {};
	struct bpf_key key;

	if (!from) /* this domain */
		return 0;
	name_vif(&key, BPF_VIF_RX, BPF_CORE_READ(q, vif));
	key.sub = BPF_PAIR(from, key.sub);
	s = bpf_map_lookup_elem(&pairs, &key);
	if (!s) {
		bpf_map_update_elem(&pairs, &key, &none, UPDATE_NOEXIST);
		s = bpf_map_lookup_elem(&pairs, &key);
	}
	if (!s)
		return 0;
	__sync_fetch_and_add(&s->ns, BPF_CORE_READ(skb, len));
	__sync_fetch_and_add(&s->count, 1);
	return 0;
}

#endif
