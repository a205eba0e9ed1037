/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frames.h - exclusive time by context.  A CPU has a stack of frames: what
 * interrupted what.  Time goes to the frame on top; without one, to the thread.
 *
 * Programs may be interrupted by those of interrupts, which push and pop as
 * often; each step below is right when that happens between any two stores.
 */
#ifndef BPF_FRAMES_H
#define BPF_FRAMES_H

#include "linux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "shared.h"

#define FRAMES 16u /* a power of 2 */
#define FRAMES_SAVED 4u /* of a thread that waits within one */
#define PF_KTHREAD 0x00200000u

#define container(ptr, type, member) ((type *)((char *)(ptr)-bpf_core_field_offset(type, member)))

struct frame {
	struct bpf_key key;
	u64 token; /* what is to be popped */
	u64 shared;
};

struct cpu {
	u64 last; /* the clock at the last transition */
	u32 depth;
	u32 pad;
	struct bpf_key task;
	struct frame frame[FRAMES];
};

struct saved {
	u64 task; /* whose they are: numbers are used again */
	u32 depth, pad;
	struct frame frame[FRAMES_SAVED];
};

struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

struct {
	__uint(type, MAP_PERCPU_HASH);
	__uint(max_entries, BPF_SUMS);
	__type(key, struct bpf_key);
	__type(value, struct bpf_sum);
} sums SEC(".maps");

/* Threads that wait within a frame, by number. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct saved);
} waiting SEC(".maps");

extern const struct vcpu_runstate_info xen_runstate __ksym __weak;

/* NULL: this is no domain of Xen's, or its kernel has not asked Xen for it. */
static __always_inline const struct vcpu_runstate_info *runstate(void)
{
	const struct vcpu_runstate_info *r;

	if (!&xen_runstate)
		return 0;
	r = bpf_this_cpu_ptr(&xen_runstate);
	return r->time[0] ? r : 0;
}

/* What the hypervisor has let this CPU run: without blocked, stolen and offline time. */
static __always_inline u64 run_clock(void)
{
	const struct vcpu_runstate_info *r = runstate();
	u64 away = r ? r->time[1] + r->time[2] + r->time[3] : 0;

	return bpf_ktime_get_ns() - away;
}

static __always_inline struct cpu *this_cpu(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

static __always_inline void add(const struct bpf_key *key, u64 ns, u64 count)
{
	struct bpf_sum *s = bpf_map_lookup_elem(&sums, key), none = {};
	struct bpf_key lost = { .kind = BPF_LOST };

	if (!s) {
		bpf_map_update_elem(&sums, key, &none, UPDATE_NOEXIST);
		s = bpf_map_lookup_elem(&sums, key);
	}
	if (!s) /* user space has put it there */
		s = bpf_map_lookup_elem(&sums, &lost);
	if (!s)
		return;
	__sync_fetch_and_add(&s->ns, ns);
	if (count)
		__sync_fetch_and_add(&s->count, count);
}

static __always_inline const struct bpf_key *top(const struct cpu *c)
{
	u32 d = c->depth;

	return d ? &c->frame[(d - 1) & (FRAMES - 1)].key : &c->task;
}

/* Time up to now goes to the top. */
static __always_inline void account(struct cpu *c)
{
	u64 now = run_clock(), last = __sync_lock_test_and_set(&c->last, now);
	struct bpf_key key = *top(c);

	if ((s64)(now - last) < 0)
		c->last = last; /* an interrupt was here between the two */
	else if (last && key.kind)
		add(&key, now - last, 0);
}

static __always_inline void fill(struct frame *f, const struct bpf_key *key, u64 token, bool shared)
{
	f->key = *key;
	f->token = token;
	f->shared = shared;
}

/* `shared`: a context of all, of which it may be said later whose it is. */
static __always_inline void push(struct cpu *c, const struct bpf_key *key, u64 token, bool shared)
{
	u32 d = c->depth;
	struct frame *f = &c->frame[d & (FRAMES - 1)];

	account(c);
	if (d >= FRAMES)
		return;
	fill(f, key, token, shared);
	c->depth = d + 1;
	fill(f, key, token, shared); /* an interrupt before that has used the same frame */
	add(key, 0, 1);
}

/* Pops the frame of this token, and what was left on it. */
static __always_inline void pop(struct cpu *c, u64 token)
{
	u32 d = c->depth, i;

	account(c);
	for (i = 0; i < FRAMES; i++) {
		if (!d)
			return;
		d--;
		if (c->frame[d & (FRAMES - 1)].token == token) {
			c->depth = d;
			return;
		}
	}
}

static __always_inline struct frame *shared_top(struct cpu *c)
{
	u32 d = c->depth;
	struct frame *f = &c->frame[(d - 1) & (FRAMES - 1)];

	return d && f->shared ? f : 0;
}

/* From now on this shared context works for `key`. */
static __always_inline void claim(struct cpu *c, const struct bpf_key *key)
{
	struct frame *f = shared_top(c);
	struct bpf_key mine = *key;

	if (!f)
		return;
	mine.pool = f->key.pool;
	account(c);
	add(&mine, 0, 1);
	f->key = mine;
}

/* This shared context is of a kind that can be told better. */
static __always_inline void rename(struct cpu *c, const struct bpf_key *key)
{
	struct frame *f = shared_top(c);

	if (!f)
		return;
	account(c);
	f->key = *key;
}

/* A part of a shared context, or of a thread's own time, is for `key`; until pop(). */
static __always_inline void enter(struct cpu *c, const struct bpf_key *key, u64 token)
{
	struct frame *f = shared_top(c);
	struct bpf_key mine = *key;

	if (c->depth && !f)
		return;
	mine.pool = f ? f->key.pool : BPF_IN_TASK;
	push(c, &mine, token, false);
}

#endif
