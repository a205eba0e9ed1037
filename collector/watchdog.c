/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watchdog.c - a second process that does nothing while the collector lives,
 * and gives back what it took when it ends in any way.  They have a pipe: the
 * collector's end is closed by the kernel.  It is the same program, started
 * anew, so that nothing of the collector's is open or mapped in it, but for
 * its lock: no other collector can begin before all is given back, so what is
 * read of an entitlement is what is written of it.
 */
#include "collector/collector.h"
#include "collector/lock.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn(struct collector *c, int fd)
{
	char number[16], name[] = "acctring-collector", option[] = "--watchdog";
	char *argv[] = { name, option, number, c->config.debt.entitlements, NULL };
	posix_spawn_file_actions_t actions;
	int err;

	snprintf(number, sizeof(number), "%d", fd);
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return -err;
	/* dup2 onto itself: it stays open */
	err = posix_spawn_file_actions_adddup2(&actions, fd, fd);
	if (!err && lock_fd() >= 0)
		err = posix_spawn_file_actions_adddup2(&actions, lock_fd(), lock_fd());
	if (!err)
		err = posix_spawn(&c->debt.watchdog, "/proc/self/exe", &actions, NULL, argv,
				  environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

int watchdog_start(struct collector *c)
{
	int fd[2], err;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	err = spawn(c, fd[0]);
	close(fd[0]);
	if (err) {
		close(fd[1]);
		c->debt.watchdog = 0;
		return err;
	}
	c->debt.watchdog_fd = fd[1];
	return 0;
}

void watchdog_stop(struct collector *c)
{
	if (!c->debt.watchdog)
		return;
	/* nothing is left to be given back: it only looks */
	close(c->debt.watchdog_fd);
	waitpid(c->debt.watchdog, NULL, 0);
	c->debt.watchdog = 0;
}

bool watchdog_check(struct collector *c)
{
	int err;

	if (!c->debt.watchdog || !waitpid(c->debt.watchdog, NULL, WNOHANG))
		return true;
	close(c->debt.watchdog_fd);
	c->debt.watchdog = 0;
	err = watchdog_start(c);
	log_warn("the watchdog ended%s%s", err ? ", and cannot be started again: " : ": another",
		 err ? strerror(-err) : "");
	return !err;
}

/* ------------------------------------------------------------------ */

static void wait_for_end(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n > 0 || (n < 0 && errno == EINTR));
}

int watchdog_main(int fd, const char *entitlements)
{
	/* what ends the collector must not end us before we are done */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	setsid();
	wait_for_end(fd);
	return actuate_restore_from(entitlements, "the collector is gone");
}
