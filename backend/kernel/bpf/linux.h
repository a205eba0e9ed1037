/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * linux.h - of the kernel's structures the members that we read.  Where they
 * are is found when the programs are loaded (CO-RE).
 */
#ifndef BPF_LINUX_H
#define BPF_LINUX_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
typedef _Bool bool;
#define true 1
#define false 0
/* names that bpf_helpers.h uses */
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef int __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

enum { MAP_HASH = 1, MAP_PERCPU_HASH = 5, MAP_PERCPU_ARRAY = 6, MAP_LRU_HASH = 9 };
enum { UPDATE_ANY = 0, UPDATE_NOEXIST = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int pid, tgid;
	unsigned int flags;
};

struct vcpu_runstate_info {
	int state;
	u64 state_entry_time;
	u64 time[4];
};

struct work_struct {
	void *func;
};

struct super_block {
	u32 s_dev;
};

struct inode {
	u16 i_mode;
	u32 i_rdev;
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct ext4_inode_info {
	struct work_struct i_rsv_conversion_work;
	struct inode vfs_inode;
};

struct gendisk {
	int major, first_minor;
};

struct block_device {
	u32 bd_dev;
};

struct request_queue {
	struct gendisk *disk;
};

struct delayed_work {
	struct work_struct work;
};

struct blk_mq_hw_ctx {
	struct delayed_work run_work;
	struct request_queue *queue;
};

struct bio {
	struct block_device *bi_bdev;
	void *bi_private;
};

struct request {
	struct bio *bio;
};

struct irqaction {
	unsigned int irq;
};

struct napi_struct {
	int weight;
};

struct net_device {
	int ifindex;
};

struct sk_buff {
	unsigned int len;
	int skb_iif;
};

struct sk_buff_head {
	struct sk_buff *next;
};

/* xen-netback */
struct xenvif {
	u16 domid;
	unsigned int handle;
};

struct xenvif_queue {
	struct xenvif *vif;
	struct napi_struct napi;
	struct sk_buff_head rx_queue;
};

/* xen-blkback */
struct xen_vbd {
	u16 handle;
};

struct xen_blkif {
	u16 domid;
	struct xen_vbd vbd;
};

struct xen_blkif_ring {
	struct work_struct persistent_purge_work;
	struct xen_blkif *blkif;
};

struct pending_req {
	struct xen_blkif_ring *ring;
};

/* loop */
struct loop_device {
	struct work_struct rootcg_work;
	struct gendisk *lo_disk;
};

struct loop_worker {
	struct work_struct work;
	struct loop_device *lo;
};

/* dm-crypt */
struct dm_crypt_io {
	struct bio *base_bio;
	struct work_struct work;
};

#pragma clang attribute pop

#endif
