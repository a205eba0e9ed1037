/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The module for CPU time and schedulers: the requests of libxenctrl and
 * libxencall.  One cpupool, 0, under credit2, of all CPUs.
 *
 * A domain has as many vCPUs as there are CPUs, since its processes run on all
 * of them.  Linux does not keep domains' time by CPU, so a vCPU's time is an
 * equal part of the domain's, and the parts of all vCPUs add up to it.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/vcpu.h>
#include <xen/xen.h>

#include "sandbox/broker/broker.h"
#include "sandbox/broker/cpu.h"
#include "sandbox/shim/ctrl_wire.h"

#define SCHED_CREDIT2 6 /* XEN_SCHEDULER_CREDIT2 of xen/domctl.h */

unsigned int cpu_count(void)
{
	static unsigned int n;
	cpu_set_t set;

	if (!n && !sched_getaffinity(0, sizeof(set), &set))
		n = (unsigned int)CPU_COUNT(&set);
	return n ? n : 1;
}

/* Of the CPUs that we may use, in order; /proc/stat counts in ticks. */
size_t cpu_idle_ns(uint64_t *ns, size_t max)
{
	uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "re");
	unsigned long long v[5];
	unsigned int cpu;
	char line[512];
	cpu_set_t set;
	size_t n = 0;

	if (!f || sched_getaffinity(0, sizeof(set), &set))
		CPU_ZERO(&set);
	while (f && n < max && fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu", &cpu, &v[0], &v[1], &v[2], &v[3],
			   &v[4]) == 6 &&
		    cpu < CPU_SETSIZE && CPU_ISSET(cpu, &set))
			ns[n++] = (v[3] + v[4]) * tick;
	if (f)
		fclose(f);
	return n;
}

struct cpu_dom *cpu_of(const struct domain *d)
{
	return d->module[MODULE_CPU];
}

uint64_t cpu_dom_ns(struct cpu_dom *c)
{
	return cpu_tree_scan(&c->tree);
}

uint64_t domain_cpu_ns(struct domain *d)
{
	struct cpu_dom *c = cpu_of(d);

	return c ? cpu_dom_ns(c) : 0;
}

/* -- the life of a domain ------------------------------------------------ */

static int cpu_domain_create(struct domain *d)
{
	struct cpu_dom *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->reaped = cpu_reaped_map(broker.dir, d->domid, true);
	if (!c->reaped) {
		free(c);
		return -errno;
	}
	c->d = d;
	c->born = cpu_now();
	c->weight = CPU_WEIGHT;
	cpu_tree_open(&c->tree, d->init, c->reaped);
	d->module[MODULE_CPU] = c;
	return 0;
}

static void cpu_domain_dead(struct domain *d)
{
	struct cpu_dom *c = cpu_of(d);

	if (!c)
		return;
	cpu_sched_forget(c);
	cpu_tree_close(&c->tree); /* its total stays */
}

static void cpu_domain_free(struct domain *d)
{
	struct cpu_dom *c = cpu_of(d);

	if (!c)
		return;
	cpu_reaped_remove(c->reaped, broker.dir, d->domid);
	d->module[MODULE_CPU] = NULL;
	free(c);
}

static void cpu_stop(struct broker *b)
{
	(void)b;
	cpu_sched_stop();
}

/* -- requests ------------------------------------------------------------ */

static int domains(const struct xsb_msg *req, struct xsb_msg *rep)
{
	struct ctl_domain *out = (struct ctl_domain *)(void *)rep->data;
	uint64_t n = 0, most = req->a[1] < CTL_MOST ? req->a[1] : CTL_MOST;
	struct cpu_dom *c;
	struct domain *d;

	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (d->domid < req->a[0] || !c || n >= most)
			continue;
		out[n] = (struct ctl_domain){
			.domid = d->domid,
			.dying = d->dying,
			.vcpus = cpu_count(),
			.cpu_ns = cpu_dom_ns(c),
		};
		memcpy(out[n++].uuid, d->uuid, sizeof(d->uuid));
	}
	rep->len = (uint32_t)(n * sizeof(*out));
	return 0;
}

static struct cpu_dom *find(uint64_t domid)
{
	struct domain *d = domid < DOMID_MAX ? domain_find((uint32_t)domid) : NULL;

	return d && !d->dying ? cpu_of(d) : NULL;
}

/* As credit2: a weight is set before the cap is found to be wrong. */
static int weight_set(const struct xsb_msg *req)
{
	struct cpu_dom *c = find(req->a[0]);

	if (!c)
		return -ESRCH;
	if (req->a[1])
		c->weight = (unsigned int)req->a[1];
	if (req->a[2] > 100 * cpu_count()) {
		cpu_sched_update();
		return -EINVAL;
	}
	if (!c->cap && req->a[2]) {
		/* from here on, not for what it ran before */
		c->charged = cpu_dom_ns(c);
		c->budget = (int64_t)(CPU_PERIOD * req->a[2] / 100);
	}
	c->cap = (unsigned int)req->a[2];
	if (!c->cap)
		c->over = false;
	return cpu_sched_update();
}

static int weight_get(const struct xsb_msg *req, struct xsb_msg *rep)
{
	struct cpu_dom *c = find(req->a[0]);

	if (!c)
		return -ESRCH;
	rep->a[0] = c->weight;
	rep->a[1] = c->cap;
	return 0;
}

static int pool(const struct xsb_msg *req, struct xsb_msg *rep)
{
	struct domain *d;

	if (req->a[0])
		return -ENOENT;
	rep->a[1] = SCHED_CREDIT2;
	TAILQ_FOREACH(d, &broker.domains, link)
		rep->a[2]++;
	return 0;
}

static uint64_t cpu_khz(void)
{
	unsigned long long khz = 0;
	char line[256];
	double mhz;
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu MHz : %lf", &mhz) == 1) {
			khz = (unsigned long long)(mhz * 1000);
			break;
		}
	if (f)
		fclose(f);
	return khz;
}

static int host(struct xsb_msg *rep)
{
	rep->a[0] = cpu_count();
	rep->a[1] = cpu_khz();
	rep->a[2] = (uint64_t)sysconf(_SC_PHYS_PAGES);
	rep->a[3] = (uint64_t)sysconf(_SC_AVPHYS_PAGES);
	return 0;
}

static int idle(struct xsb_msg *rep)
{
	uint64_t *out = (uint64_t *)(void *)rep->data;
	size_t n = cpu_idle_ns(out, XSB_DATA / sizeof(*out));

	rep->len = (uint32_t)(n * sizeof(*out));
	return 0;
}

static int vcpu(struct cpu_dom *c, uint64_t id, struct xsb_msg *rep, int none)
{
	struct ctl_vcpu *v = (struct ctl_vcpu *)(void *)rep->data;
	unsigned int n = cpu_count();
	uint64_t now, ran, off;

	if (!c)
		return -ESRCH;
	if (id >= n)
		return none;
	ran = (cpu_dom_ns(c) + id) / n;
	off = cpu_offline_ns(c);
	now = cpu_now();
	memset(v, 0, sizeof(*v));
	if (!c->stopped)
		v->state = RUNSTATE_running;
	else /* as credit2: a budget parks a vCPU, others' weights keep it in the queue */
		v->state = c->over ? RUNSTATE_offline : RUNSTATE_runnable;
	v->cpu = (uint32_t)id;
	v->entered = now;
	v->time[RUNSTATE_running] = ran;
	v->time[RUNSTATE_offline] = off;
	if (now - c->born > ran + off)
		v->time[RUNSTATE_blocked] = now - c->born - ran - off;
	rep->len = sizeof(*v);
	return 0;
}

static int cpu_handle(struct client *cl, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		      int nfds)
{
	(void)fds, (void)nfds;
	if (req->op == CTL_RUNSTATE)
		return vcpu(cpu_of(cl->d), req->a[0], rep, -ENOENT);
	if (req->op < CTL_DOMAINS || req->op > CTL_VCPU)
		return -ENOSYS;
	if (cl->d->domid)
		return -EPERM;
	switch (req->op) {
	case CTL_DOMAINS:
		return domains(req, rep);
	case CTL_WEIGHT_GET:
		return weight_get(req, rep);
	case CTL_WEIGHT_SET:
		return weight_set(req);
	case CTL_POOL:
		return pool(req, rep);
	case CTL_HOST:
		return host(rep);
	case CTL_IDLE:
		return idle(rep);
	}
	return vcpu(find(req->a[0]), req->a[1], rep, -ESRCH);
}

const struct module cpu_module = {
	.name = "cpu",
	.stop = cpu_stop,
	.domain_create = cpu_domain_create,
	.domain_dead = cpu_domain_dead,
	.domain_free = cpu_domain_free,
	.handle = cpu_handle,
};
