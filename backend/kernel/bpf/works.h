/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * works.h - items of work queues: loop, dm-crypt, block queues, writeback.
 */
#ifndef BPF_WORKS_H
#define BPF_WORKS_H

#include "frames.h"

#define S_IFMT 0170000
#define S_IFBLK 0060000
#define MINOR_BITS 20

SEC("tp_btf/workqueue_execute_start")
int BPF_PROG(on_work, struct work_struct *work)
{
	struct bpf_key key = { .kind = BPF_POOL, .pool = BPF_IN_WORK, .sub = (u64)work->func };
	struct cpu *c = this_cpu();

	if (!c)
		return 0;
	account(c);
	c->depth = 0; /* a worker has nothing below */
	push(c, &key, (u64)work, true);
	return 0;
}

SEC("tp_btf/workqueue_execute_end")
int BPF_PROG(off_work, struct work_struct *work)
{
	struct cpu *c = this_cpu();

	if (c)
		pop(c, (u64)work);
	return 0;
}

static __always_inline int claim_disk(const struct gendisk *disk)
{
	struct bpf_key key = { .kind = BPF_DISK };
	struct cpu *c = this_cpu();

	key.id = (u32)BPF_CORE_READ(disk, major) << MINOR_BITS |
		 (u32)BPF_CORE_READ(disk, first_minor);
	if (c)
		claim(c, &key);
	return 0;
}

SEC("fentry/loop_workfn")
int BPF_PROG(on_loop, struct work_struct *work)
{
	struct loop_worker *w = container(work, struct loop_worker, work);

	return claim_disk(BPF_CORE_READ(w, lo, lo_disk));
}

SEC("fentry/loop_rootcg_workfn")
int BPF_PROG(on_loop_root, struct work_struct *work)
{
	struct loop_device *lo = container(work, struct loop_device, rootcg_work);

	return claim_disk(BPF_CORE_READ(lo, lo_disk));
}

SEC("fentry/blk_mq_run_work_fn")
int BPF_PROG(on_queue, struct work_struct *work)
{
	struct blk_mq_hw_ctx *h = container(work, struct blk_mq_hw_ctx, run_work);

	return claim_disk(BPF_CORE_READ(h, queue, disk));
}

static __always_inline int claim_crypt(struct work_struct *work)
{
	struct dm_crypt_io *io = container(work, struct dm_crypt_io, work);
	struct bpf_key key = { .kind = BPF_DISK };
	struct cpu *c = this_cpu();

	key.id = BPF_CORE_READ(io, base_bio, bi_bdev, bd_dev);
	if (c)
		claim(c, &key);
	return 0;
}

SEC("fentry/kcryptd_crypt")
int BPF_PROG(on_crypt, struct work_struct *work)
{
	return claim_crypt(work);
}

SEC("fentry/kcryptd_io_read_work")
int BPF_PROG(on_crypt_read, struct work_struct *work)
{
	return claim_crypt(work);
}

SEC("fentry/wb_workfn")
int BPF_PROG(on_flush)
{
	struct bpf_key key = { .kind = BPF_POOL, .pool = BPF_IN_FLUSH };
	struct cpu *c = this_cpu();

	if (c)
		rename(c, &key);
	return 0;
}

static __always_inline int claim_inode(const struct inode *inode)
{
	struct bpf_key key = { .kind = BPF_FILE };
	struct cpu *c = this_cpu();

	key.id = BPF_CORE_READ(inode, i_sb, s_dev);
	key.sub = BPF_CORE_READ(inode, i_ino);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK)
		key = (struct bpf_key){ .kind = BPF_DISK, .id = BPF_CORE_READ(inode, i_rdev) };
	if (c)
		claim(c, &key);
	return 0;
}

SEC("fentry/__writeback_single_inode")
int BPF_PROG(on_inode, struct inode *inode)
{
	return claim_inode(inode);
}

SEC("fentry/ext4_end_io_rsv_work")
int BPF_PROG(on_ext4, struct work_struct *work)
{
	struct ext4_inode_info *i = container(work, struct ext4_inode_info, i_rsv_conversion_work);

	return claim_inode((void *)i + bpf_core_field_offset(struct ext4_inode_info, vfs_inode));
}

#endif
