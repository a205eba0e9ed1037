/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xen/vcpu.h>
#include <xencall.h>

#define MAX_VCPUS 4096u

struct measure {
	xencall_handle *call;
	struct vcpu_runstate_info *info; /* hypercall buffer */
};

struct measure *measure_open(void)
{
	struct measure *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->call = xencall_open(NULL, 0);
	if (m->call)
		m->info = xencall_alloc_buffer(m->call, sizeof(*m->info));
	if (!m->info) {
		int err = errno;

		measure_close(m);
		errno = err;
		return NULL;
	}
	return m;
}

void measure_close(struct measure *m)
{
	if (!m)
		return;
	if (m->info)
		xencall_free_buffer(m->call, m->info);
	if (m->call)
		xencall_close(m->call);
	free(m);
}

static bool sum(struct measure *m, uint64_t *ran, uint64_t *waited, unsigned int *vcpus)
{
	unsigned int i;

	*ran = *waited = 0;
	for (i = 0; i < MAX_VCPUS; i++) {
		if (xencall3(m->call, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, i,
			     (uint64_t)(uintptr_t)m->info) < 0) {
			if (errno != ENOENT || !i)
				return false;
			break;
		}
		*ran += m->info->time[RUNSTATE_running];
		*waited += m->info->time[RUNSTATE_runnable];
	}
	*vcpus = i;
	return true;
}

bool measure_domain(struct measure *m, uint64_t *ns)
{
	unsigned int vcpus;
	uint64_t waited;

	return sum(m, ns, &waited, &vcpus);
}

bool measure_wanted(struct measure *m, uint64_t *ns, unsigned int *vcpus)
{
	uint64_t waited;

	if (!sum(m, ns, &waited, vcpus))
		return false;
	*ns += waited;
	return true;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t measure_self(void)
{
	clockid_t holder;
	uint64_t ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	if (!clock_getcpuclockid(getppid(), &holder))
		ns += clock_ns(holder);
	return ns;
}
