/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domid that is used again at once, which xl does not do for a minute:
 *   reuse make DOMID TAG B   a domain, nothing in it, UUID ba5e...TAG, with a disk
 *                            that B serves, in dom0's words (/libxl)
 *   reuse end DOMID          is destroyed, and all nodes with it
 */
#include "common/xenctrl.h"

#include <xenstore.h>

#include "tests/xen/prog/prog.h"

static xc_interface *xch;
static struct xs_handle *xs;

static void put(const char *path, const char *value)
{
	if (!xs_write(xs, XBT_NULL, path, value, (unsigned int)strlen(value)))
		die(path);
}

static int make(uint32_t domid, unsigned int tag, const char *b)
{
	struct xen_domctl_createdomain config = {
		.handle = { 0xba, 0x5e, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, (uint8_t)tag },
		.max_vcpus = 1,
		.max_evtchn_port = 31,
		.max_grant_frames = 1,
		.grant_opts = XEN_DOMCTL_GRANT_version(1),
	};
	char path[96], value[96];
	uint32_t d = domid;

	if (xc_domain_create(xch, &d, &config) || d != domid)
		die("xc_domain_create");
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	snprintf(value, sizeof(value), "reuse-%u", tag);
	put(path, value);
	snprintf(path, sizeof(path), "/libxl/%u/device/vbd/51712/backend", domid);
	snprintf(value, sizeof(value), "/local/domain/%s/backend/abd/%u/51712", b, domid);
	put(path, value);
	printf("domain %u: ba5e0000-0000-4000-8000-0000000000%02x\n", domid, tag);
	return 0;
}

static int end(uint32_t domid)
{
	char path[96];
	int failed = xc_domain_destroy(xch, domid);

	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	xs_rm(xs, XBT_NULL, path);
	snprintf(path, sizeof(path), "/libxl/%u", domid);
	xs_rm(xs, XBT_NULL, path);
	return failed != 0;
}

int main(int argc, char **argv)
{
	xch = xc_interface_open(NULL, NULL, 0);
	xs = xs_open(0);
	if (!xch || !xs)
		die("no Xen");
	if (argc == 5 && !strcmp(argv[1], "make"))
		return make((uint32_t)atoi(argv[2]), (unsigned int)strtoul(argv[3], NULL, 16),
			    argv[4]);
	if (argc == 3 && !strcmp(argv[1], "end"))
		return end((uint32_t)atoi(argv[2]));
	die("usage: reuse make DOMID TAG B, or reuse end DOMID");
}
