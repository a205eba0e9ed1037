/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the init of a domain reaps: the CPU time of the dead child, and of all
 * that it had reaped itself, goes to a page that the broker reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/broker/cpu.h"

static void path_of(char *buf, size_t size, const char *dir, uint32_t domid)
{
	snprintf(buf, size, "%s/reaped.%u", dir, domid);
}

struct cpu_reaped *cpu_reaped_map(const char *dir, uint32_t domid, bool make)
{
	char path[300];
	void *p;
	int fd;

	if (!dir)
		return NULL;
	path_of(path, sizeof(path), dir, domid);
	fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT | O_TRUNC : 0), 0600);
	if (fd < 0)
		return NULL;
	if (make && ftruncate(fd, sizeof(struct cpu_reaped))) {
		close(fd);
		return NULL;
	}
	p = mmap(NULL, sizeof(struct cpu_reaped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

void cpu_reaped_remove(struct cpu_reaped *r, const char *dir, uint32_t domid)
{
	char path[300];

	path_of(path, sizeof(path), dir, domid);
	unlink(path);
	munmap(r, sizeof(*r));
}

static uint64_t tv_ns(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000000000ull + (uint64_t)tv->tv_usec * 1000;
}

/* The clock of a process that is dead but not reaped yet; 0 if unknown. */
static uint64_t last_clock(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/*
 * rusage has it all, but cuts user and system time to whole microseconds.  A
 * child that reaped nobody has nothing but its own clock, which is exact.
 */
static uint64_t whole(const struct rusage *ru, uint64_t own)
{
	uint64_t ns = tv_ns(&ru->ru_utime) + tv_ns(&ru->ru_stime);

	return own >= ns && own - ns < 2000 ? own : ns;
}

pid_t cpu_reap(struct cpu_reaped *r, int *status)
{
	struct rusage ru;
	siginfo_t si;
	uint32_t seq;
	uint64_t own;
	pid_t pid;

	if (!r)
		return waitpid(-1, status, WNOHANG);
	memset(&si, 0, sizeof(si));
	if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT))
		return -1;
	if (!si.si_pid)
		return 0;
	own = last_clock(si.si_pid);
	seq = __atomic_load_n(&r->seq, __ATOMIC_RELAXED);
	/* odd: from here until ns is stored it is counted nowhere */
	__atomic_store_n(&r->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pid = wait4(si.si_pid, status, 0, &ru);
	if (pid > 0)
		__atomic_store_n(&r->ns, r->ns + whole(&ru, own), __ATOMIC_RELAXED);
	__atomic_store_n(&r->seq, seq + 2, __ATOMIC_RELEASE);
	return pid;
}
