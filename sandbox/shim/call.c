/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxencall: the hypercalls an unprivileged program has a use for.
 *
 *   vcpu_op       VCPUOP_get_runstate_info of the domain's own vCPUs
 *   xen_version   XENVER_version: 4.17
 *
 * All others are ENOSYS.  -1 and errno, as the real one.
 *
 * Outside domain 0 all of them are EPERM, as Linux's privcmd has it, unless
 * $XSANDBOX_PRIVCMD is "unrestricted" (the kernel's xen_privcmd.unrestricted=1).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>
#include <xencall.h>

#include "sandbox/lib/client.h"
#include "sandbox/shim/ctrl_wire.h"

#define EXPORT __attribute__((visibility("default")))

struct xencall_handle {
	struct xsb_client client;
};

EXPORT xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
	xencall_handle *h = calloc(1, sizeof(*h));
	int rc;

	(void)logger, (void)open_flags;
	if (!h)
		return NULL;
	rc = xsb_open(&h->client);
	if (!rc)
		return h;
	free(h);
	errno = -rc;
	return NULL;
}

EXPORT int xencall_close(xencall_handle *h)
{
	if (h) {
		xsb_close(&h->client);
		free(h);
	}
	return 0;
}

EXPORT int xencall_fd(xencall_handle *h)
{
	return h->client.fd;
}

static long runstate(xencall_handle *h, uint64_t vcpu, uint64_t arg)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): as the hypercall */
	struct vcpu_runstate_info *out = (void *)(uintptr_t)arg;
	const struct ctl_vcpu *v;
	struct xsb_msg m;
	int rc, i;

	if (!out)
		return -EFAULT;
	memset(&m, 0, XSB_HEADER);
	m.op = CTL_RUNSTATE;
	m.a[0] = vcpu;
	rc = xsb_call(&h->client, &m, NULL, 0, NULL, NULL);
	if (rc)
		return rc;
	v = (const void *)m.data;
	memset(out, 0, sizeof(*out));
	out->state = (int)v->state;
	out->state_entry_time = v->entered;
	for (i = 0; i < 4; i++)
		out->time[i] = v->time[i];
	return 0;
}

static bool restricted(const xencall_handle *h)
{
	const char *privcmd = getenv("XSANDBOX_PRIVCMD");

	return h->client.domid && (!privcmd || strcmp(privcmd, "unrestricted") != 0);
}

static long hypercall(xencall_handle *h, unsigned int op, const uint64_t arg[5])
{
	if (restricted(h))
		return -EPERM;
	if (op == __HYPERVISOR_vcpu_op && arg[0] == VCPUOP_get_runstate_info)
		return runstate(h, arg[1], arg[2]);
	if (op == __HYPERVISOR_xen_version && arg[0] == XENVER_version)
		return 4 << 16 | 17;
	return -ENOSYS;
}

static long call(xencall_handle *h, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3)
{
	const uint64_t arg[5] = { a1, a2, a3 };
	long rc = hypercall(h, op, arg);

	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

EXPORT int xencall0(xencall_handle *h, unsigned int op)
{
	return (int)call(h, op, 0, 0, 0);
}

EXPORT int xencall1(xencall_handle *h, unsigned int op, uint64_t a1)
{
	return (int)call(h, op, a1, 0, 0);
}

EXPORT int xencall2(xencall_handle *h, unsigned int op, uint64_t a1, uint64_t a2)
{
	return (int)call(h, op, a1, a2, 0);
}

EXPORT long xencall2L(xencall_handle *h, unsigned int op, uint64_t a1, uint64_t a2)
{
	return call(h, op, a1, a2, 0);
}

EXPORT int xencall3(xencall_handle *h, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return (int)call(h, op, a1, a2, a3);
}

EXPORT int xencall4(xencall_handle *h, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3,
		    uint64_t a4)
{
	(void)a4;
	return (int)call(h, op, a1, a2, a3);
}

EXPORT int xencall5(xencall_handle *h, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3,
		    uint64_t a4, uint64_t a5)
{
	(void)a4, (void)a5;
	return (int)call(h, op, a1, a2, a3);
}

/* -- memory for arguments: any memory will do here ----------------------- */

EXPORT void *xencall_alloc_buffer_pages(xencall_handle *h, size_t nr_pages)
{
	size_t size = nr_pages * XSB_PAGE;
	void *p;

	(void)h;
	if (!nr_pages || size / XSB_PAGE != nr_pages) {
		errno = EINVAL;
		return NULL;
	}
	p = aligned_alloc(XSB_PAGE, size);
	if (p)
		memset(p, 0, size);
	return p;
}

EXPORT void xencall_free_buffer_pages(xencall_handle *h, void *p, size_t nr_pages)
{
	(void)h, (void)nr_pages;
	free(p);
}

EXPORT void *xencall_alloc_buffer(xencall_handle *h, size_t size)
{
	(void)h;
	return calloc(1, size);
}

EXPORT void xencall_free_buffer(xencall_handle *h, void *p)
{
	(void)h;
	free(p);
}

EXPORT int xencall_buffers_never_fault(xencall_handle *h)
{
	(void)h;
	return 1;
}
