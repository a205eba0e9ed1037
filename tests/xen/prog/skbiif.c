/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * skbiif IF SECONDS: frames on their way out through IF, counted by skb_iif
 * (the interface they came in by, which says who pays for a receive) and by
 * whether they are broadcast.  A packet socket sees them just before the
 * driver does; the filter program reads skb_iif from the frame.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/xen/prog/prog.h"

#ifndef SO_ATTACH_BPF
#define SO_ATTACH_BPF 50
#endif

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Array: index skb_iif (below 64) + 64 for broadcast, value a count. */
static int counters(void)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 128
	};

	return bpf(BPF_MAP_CREATE, &a);
}

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

static int program(int map)
{
	struct bpf_insn p[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct __sk_buff, pkt_type), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct __sk_buff, ingress_ifindex),
		     0),
		/* Only what goes out (4) is ours; a broadcast shows in its address. */
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 15, PACKET_OUTGOING),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, 3, 0, 0, 63),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 3, 0, 0),
		INSN(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, 0, 0, 1, -1),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, 64),
		INSN(BPF_STX | BPF_MEM | BPF_W, 10, 7, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char log[65536];
	union bpf_attr a = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			     .insns = (uint64_t)(uintptr_t)p,
			     .insn_cnt = sizeof(p) / sizeof(p[0]),
			     .license = (uint64_t)(uintptr_t) "LGPL",
			     .log_buf = (uint64_t)(uintptr_t)log,
			     .log_size = sizeof(log),
			     .log_level = 1 };
	int fd = bpf(BPF_PROG_LOAD, &a);

	if (fd < 0)
		printf("%s", log);
	return fd;
}

static void show(int map)
{
	for (uint32_t k = 0; k < 128; k++) {
		uint64_t v = 0;
		union bpf_attr a = { .map_fd = (uint32_t)map,
				     .key = (uint64_t)(uintptr_t)&k,
				     .value = (uint64_t)(uintptr_t)&v };
		char name[IF_NAMESIZE] = "none";

		if (bpf(BPF_MAP_LOOKUP_ELEM, &a) || !v)
			continue;
		if (k & 63)
			if_indextoname(k & 63, name);
		printf("%s from %s: %llu frames\n", k < 64 ? "unicast" : "broadcast", name,
		       (unsigned long long)v);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int s = socket(AF_PACKET, SOCK_RAW, 0), map = counters(), prog = program(map);

	if (argc < 3)
		die("usage: skbiif IF SECONDS");
	sll.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (s < 0 || map < 0 || prog < 0 || !sll.sll_ifindex)
		die("set-up");
	if (setsockopt(s, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) ||
	    bind(s, (struct sockaddr *)&sll, sizeof(sll)))
		die("attach");
	nap_ms(1000L * atoi(argv[2]));
	show(map);
	return 0;
}
