/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a program whose system call takes its time, as on a slow disk: a
 * supervisor lets each go on after so long.  One at a time.
 * Usage: delay SYSCALL MS PROGRAM ARGS...
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"

/* Ends with the program: its parent. */
static void supervise(int fd, uint64_t ms)
{
	struct seccomp_notif *asked;
	struct seccomp_notif_resp *answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (seccomp_notify_alloc(&asked, &answer))
		_exit(1);
	for (;;) {
		memset(asked, 0, sizeof(*asked));
		if (seccomp_notify_receive(fd, asked))
			continue;
		nap_ms(ms);
		memset(answer, 0, sizeof(*answer));
		answer->id = asked->id;
		answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		seccomp_notify_respond(fd, answer);
	}
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int nr, ms, r, fd = -1;

	if (argc < 4 || !ctx)
		return 2;
	nr = seccomp_syscall_resolve_name(argv[1]);
	ms = atoi(argv[2]);
	if (nr == __NR_SCMP_ERROR || ms < 1)
		return 2;
	r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, nr, 0);
	if (!r)
		r = seccomp_load(ctx);
	if (!r)
		fd = seccomp_notify_fd(ctx);
	if (r || fd < 0) {
		fprintf(stderr, "delay: %s\n", strerror(r ? -r : errno));
		return 1;
	}
	if (!fork())
		supervise(fd, (uint64_t)ms);
	close(fd);
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 1;
}
