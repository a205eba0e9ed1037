/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a program to which a system call is refused, as containers do with
 * io_uring, or as a disk that fails.
 * Usage: refuse SYSCALL ERRNO PROGRAM ARGS...    ERRNO is a number
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int nr, error, r;

	if (argc < 4 || !ctx)
		return 2;
	nr = seccomp_syscall_resolve_name(argv[1]);
	error = atoi(argv[2]);
	if (nr == __NR_SCMP_ERROR || error < 1 || error > 4095)
		return 2;
	r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)error), nr, 0);
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r) {
		fprintf(stderr, "refuse: %s\n", strerror(-r));
		return 1;
	}
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 1;
}
