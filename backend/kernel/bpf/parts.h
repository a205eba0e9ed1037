/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parts.h - the programs by what they are for: those of a part are of use
 * together only.  Whether a kernel has what a part looks at, its BTF says.
 */
#ifndef BPF_PARTS_H
#define BPF_PARTS_H

enum part_state {
	PART_ABSENT, /* its module is not loaded */
	PART_LACKS, /* its kernel or module has no such function */
	PART_THERE, /* not loaded yet */
	PART_ON,
	PART_FAILED /* the kernel does not take it */
};

#define PART_CORE 0u /* threads, interrupts, work queues: without it nothing */
#define PART_SENDERS 14u /* of what guests receive */
#define PARTS 15u
#define BPF_PROGRAMS 40u /* at most */

const char *part_name(unsigned int part);
const char *part_says(enum part_state s);
unsigned int part_programs(unsigned int part); /* how many */
/* Of a program; PARTS: of none. */
unsigned int part_of(const char *program);
/* The first three.  Keeps what it has read until part_forget(). */
enum part_state part_probe(unsigned int part);
void part_forget(void);

#endif
