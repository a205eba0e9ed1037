/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bare.h - for bench/block.sh alone: before each file of the block backend,
 * so that it does without
 *
 *	BARE 1	posting: the record, the backend's books, admission
 *	BARE 2	and measuring: the cycle counter and the CPU clock
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "backend/bill.h"
#include "backend/cpu.h"

#define acctring_post(lane, cost) ((void)(cost), 1)
#define bill_post(lane, payer, cost) ((void)(cost))
#define acctring_admit_more(lane, payer, pending) ((void)(lane), (void)(pending), true)
#if BARE > 1
#define acctring_counter(lane) ((uint64_t)0)
#define cpu_ns() ((uint64_t)0)
#endif

#endif
