/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slots: one for each link of a domain, and for nobody who has no right. */
#include "tests/unit/test_ring_life.h"

#include "ring/link.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static int slot_fd;

static int take(void)
{
	return slot_take(5, &slot_fd);
}

/* A process that takes a slot, tells which, and lives until it is killed. */
static pid_t other_process(int *slot)
{
	int p[2];
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test end first */
		alarm(30);
		slot_forget(); /* as the library's atfork handler does */
		*slot = take();
		if (write(p[1], slot, sizeof(*slot)) != sizeof(*slot))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(p[0], slot, sizeof(*slot)), sizeof(*slot));
	close(p[0]);
	close(p[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void one_each(void **state)
{
	int a, b, slot, fd;
	pid_t pid;

	(void)state;
	xen_reset();
	a = take();
	fd = slot_fd;
	assert_int_equal(a, 0);
	b = take(); /* the same process: no lock keeps it from itself */
	assert_int_equal(b, 1);
	pid = other_process(&slot);
	assert_int_equal(slot, 2);
	slot_drop(b, slot_fd);
	assert_int_equal(take(), 1);
	slot_drop(1, slot_fd);
	end(pid);
	slot_drop(a, fd);
	pid = other_process(&slot); /* neither the probes nor the drop freed more */
	assert_int_equal(slot, 0);
	assert_int_equal(take(), 1);
	slot_drop(1, slot_fd);
	end(pid);
	assert_int_equal(take(), 0);
	slot_drop(0, slot_fd);
}

/*
 * A child that was made past the atfork handlers has the descriptor, not the
 * slot: its parent dies, and the slot is free.
 */
static void not_inherited(void **state)
{
	int p[2], slot;
	pid_t parent, child;

	(void)state;
	xen_reset();
	assert_int_equal(pipe(p), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (!parent) {
		slot_forget();
		slot = take();
		child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (!child) {
			alarm(30);
			close(p[1]);
			for (;;)
				pause();
		}
		if (slot || child < 0 || write(p[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &child, sizeof(child)), sizeof(child));
	assert_true(child > 1);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(kill(child, 0), 0);
	slot = take();
	kill(child, SIGKILL);
	assert_int_equal(slot, 0);
	slot_drop(0, slot_fd);
	close(p[0]);
}

/* As many as gntalloc has pages for, and more. */
static void many(void **state)
{
	int fd[ACCTRING_LINK_SLOTS], i;

	(void)state;
	xen_reset();
	for (i = 0; i < (int)ACCTRING_LINK_SLOTS; i++)
		assert_int_equal(slot_take(5, &fd[i]), i);
	assert_int_equal(take(), -EUSERS);
	slot_drop(200, fd[200]);
	assert_int_equal(take(), 200);
	fd[200] = slot_fd;
	for (i = 0; i < (int)ACCTRING_LINK_SLOTS; i++)
		slot_drop(i, fd[i]);
}

/* Who binds the names that slots once were does not matter. */
static void squatter(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd[ACCTRING_LINK_SLOTS], n;
	unsigned int i;

	(void)state;
	xen_reset();
	for (i = 0; i < ACCTRING_LINK_SLOTS; i++) {
		n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "acctring/5/%u", i);
		fd[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(fd[i], (struct sockaddr *)&a,
			 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)))
			assert_int_equal(errno, EADDRINUSE);
	}
	assert_int_equal(take(), 0);
	slot_drop(0, slot_fd);
	for (i = 0; i < ACCTRING_LINK_SLOTS; i++)
		close(fd[i]);
}

static void files(void **state)
{
	char path[64];
	struct stat st;

	(void)state;
	xen_reset();
	snprintf(path, sizeof(path), "%s/slot.5.0", xen.rundir);
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(take(), -ELOOP);
	unlink(path);
	assert_int_equal(take(), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(fcntl(slot_fd, F_GETFD) & FD_CLOEXEC);
	slot_drop(0, slot_fd);
	xen_cleanup();
	umask(022);
	assert_int_equal(take(), 0); /* made */
	assert_int_equal(stat(xen.rundir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	slot_drop(0, slot_fd);
}

/* A directory that others may write to is none; it is tried again. */
static void bad_directory(void **state)
{
	struct acctring_stats s;
	struct acctring *r;

	(void)state;
	xen_reset();
	assert_int_equal(chmod(xen.rundir, 0777), 0);
	r = open_in_5(1);
	nap(50);
	s = stats_of(r);
	assert_int_equal(s.error, -EPERM);
	assert_int_equal(s.state, ACCTRING_WAITING);
	assert_int_equal(chmod(xen.rundir, 0755), 0);
	nap(500);
	assert_int_equal(stats_of(r).error, 0);
	acctring_close(r, 0);
}

/* Two links of a process, and the second's end leaves the first its slot. */
static void two_links(void **state)
{
	struct acctring *a, *b;
	struct acctring_link_id id;
	int slot;
	pid_t pid;

	(void)state;
	xen_reset();
	a = open_in_5(1);
	b = open_in_5(1);
	nap(50);
	assert_true(read_slot(1, &id));
	assert_true(id.epoch == stats_of(b).epoch);
	acctring_close(b, 0);
	pid = other_process(&slot);
	assert_int_equal(slot, 1);
	end(pid);
	acctring_close(a, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_each),	 cmocka_unit_test(not_inherited),
		cmocka_unit_test(squatter),	 cmocka_unit_test(files),
		cmocka_unit_test(bad_directory), cmocka_unit_test(two_links),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("ring_slot", tests, NULL, NULL);
}
