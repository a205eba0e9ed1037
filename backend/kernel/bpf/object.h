/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object.h - the compiled programs for the kernel, which are a part of ours.
 */
#ifndef BPF_OBJECT_H
#define BPF_OBJECT_H

#include <bpf/libbpf.h>

/* As bpf_object__open_mem(); NULL and errno. */
struct bpf_object *object_open(void);

#endif
