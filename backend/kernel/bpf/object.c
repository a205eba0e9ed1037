/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.c - see object.h.
 */
#include "backend/kernel/bpf/object.h"

#include <stdint.h>

#ifndef BPF_OBJECT /* the Makefile's */
#define BPF_OBJECT "build/bpf/prog.o"
#endif

/* Aligned as ELF wants it. */
__asm__(".section .rodata\n"
	".balign 16\n"
	"bpf_object_begin:\n"
	".incbin \"" BPF_OBJECT "\"\n"
	"bpf_object_end:\n"
	".balign 8\n"
	".hidden bpf_object_at\n"
	".global bpf_object_at\n"
	"bpf_object_at: .quad bpf_object_end - bpf_object_begin\n"
	".previous\n");
extern const uint64_t bpf_object_at; /* its size, behind it */

struct bpf_object *object_open(void)
{
	uint64_t padded = (bpf_object_at + 7) & ~UINT64_C(7);
	const char *end = (const char *)&bpf_object_at;

	return bpf_object__open_mem(end - padded, bpf_object_at, NULL);
}
