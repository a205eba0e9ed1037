/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bare domains: the hypervisor and the store know them, nothing runs in them.
 *   bare make FILE B N SILENT  N domains with a disk each that B serves, in dom0's
 *                              words (/libxl); SILENT of them with a ring to xenstore
 *                              of their own, for which this program speaks
 *   bare watch FILE B          those set watches, and never read what comes
 *   bare full FILE             how many of their rings are full
 *   bare end FILE              all are destroyed
 * FILE keeps who they are: lines of domid and frame of the ring, 0: none.
 */
#include "common/xenctrl.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include "tests/xen/prog/prog.h"

#define FIRST 1000u
#define MAX 500u
#define WATCHES 4u /* of each kind */

static struct bare {
	uint32_t domid;
	xen_pfn_t frame;
	struct xenstore_domain_interface *ring; /* once it was looked at */
} list[MAX];
static unsigned int n;
static xc_interface *xch;
static xenforeignmemory_handle *fmem;
static struct xs_handle *xs;

static void load(const char *file)
{
	FILE *f = fopen(file, "r");
	unsigned long frame;

	if (!f)
		die(file);
	for (n = 0; n < MAX && fscanf(f, "%u %lu", &list[n].domid, &frame) == 2; n++)
		list[n].frame = frame;
	fclose(f);
}

static void *map(uint32_t domid, xen_pfn_t frame)
{
	void *p = xenforeignmemory_map(fmem, domid, PROT_READ | PROT_WRITE, 1, &frame, NULL);

	if (!p)
		die("map the ring");
	return p;
}

/* ------------------------------------------------------------------ */

/* The store maps the ring by this reference, or by the frame's number. */
static void grant_ring(const struct bare *d)
{
	xenforeignmemory_resource_handle *r;
	grant_entry_v1_t *entry;
	void *table = NULL;

	r = xenforeignmemory_map_resource(fmem, (domid_t)d->domid, XENMEM_resource_grant_table,
					  XENMEM_resource_grant_table_id_shared, 0, 1, &table,
					  PROT_READ | PROT_WRITE, 0);
	if (!r)
		die("map the grant table");
	entry = table;
	entry += GNTTAB_RESERVED_XENSTORE;
	entry->domid = 0;
	entry->frame = (uint32_t)d->frame;
	__atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
	xenforeignmemory_unmap_resource(fmem, r);
}

/* A page and a port, as a builder of domains gives them. */
static void introduce(struct bare *d)
{
	int port;
	void *ring;

	d->frame = 0;
	if (xc_domain_max_vcpus(xch, d->domid, 1) || xc_domain_setmaxmem(xch, d->domid, 64) ||
	    xc_domain_populate_physmap_exact(xch, d->domid, 1, 0, 0, &d->frame))
		die("a page for the domain");
	ring = map(d->domid, d->frame);
	memset(ring, 0, PAGE);
	munmap(ring, PAGE);
	grant_ring(d);
	port = xc_evtchn_alloc_unbound(xch, d->domid, 0);
	if (port < 0)
		die("a port for the domain");
	if (!xs_introduce_domain(xs, d->domid, d->frame, (unsigned int)port))
		die("introduce");
}

static void create(struct bare *d, uint32_t domid)
{
	struct xen_domctl_createdomain config = {
		.handle = { 0xba, 0x5e, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0,
			    (uint8_t)(domid >> 8), (uint8_t)domid },
		.max_vcpus = 1,
		.max_evtchn_port = 31,
		.max_grant_frames = 1,
		.grant_opts = XEN_DOMCTL_GRANT_version(1),
	};

	d->domid = domid;
	if (xc_domain_create(xch, &d->domid, &config))
		die("xc_domain_create");
}

static void put(uint32_t domid, const char *path, const char *value)
{
	struct xs_permissions perms[] = { { 0, XS_PERM_NONE }, { domid, XS_PERM_READ } };

	if (!xs_write(xs, XBT_NULL, path, value, (unsigned int)strlen(value)) ||
	    !xs_set_permissions(xs, XBT_NULL, path, perms, 2))
		die(path);
}

/* What xl writes of a domain and of its disk, as far as it matters here. */
static void nodes(uint32_t domid, const char *b)
{
	char path[96], value[96];

	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	put(domid, path, "");
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	snprintf(value, sizeof(value), "bare-%u", domid);
	put(domid, path, value);
	snprintf(path, sizeof(path), "/vm/ba5e0000-0000-4000-8000-00000000%04x/name", domid);
	put(domid, path, value);
	snprintf(path, sizeof(path), "/libxl/%u/device/vbd/51712/backend", domid);
	snprintf(value, sizeof(value), "/local/domain/%s/backend/abd/%u/51712", b, domid);
	if (!xs_write(xs, XBT_NULL, path, value, (unsigned int)strlen(value)))
		die(path);
}

static int make(const char *file, const char *b, unsigned int count, unsigned int silent)
{
	FILE *f = fopen(file, "w");

	if (!f || count > MAX)
		die(file);
	for (n = 0; n < count; n++) {
		create(&list[n], FIRST + n);
		fprintf(f, "%u 0\n", list[n].domid);
		fflush(f); /* `end` is to find it, whatever happens next */
		if (n < silent)
			introduce(&list[n]);
		nodes(list[n].domid, b);
	}
	rewind(f);
	for (n = 0; n < count; n++)
		fprintf(f, "%u %lu\n", list[n].domid, (unsigned long)list[n].frame);
	fclose(f);
	printf("%u domains, %u with a ring\n", count, silent);
	return 0;
}

/* ------------------------------------------------------------------ */

/* As a guest's kernel would; but nobody is told: the store looks by itself. */
static void ask(struct xenstore_domain_interface *ring, const char *path, unsigned int id)
{
	struct xsd_sockmsg h = { .type = XS_WATCH, .req_id = id };
	uint32_t prod = ring->req_prod;
	char msg[128];
	int len = snprintf(msg + sizeof(h), sizeof(msg) - sizeof(h), "%s%ct%u", path, 0, id);

	h.len = (uint32_t)len + 1;
	memcpy(msg, &h, sizeof(h));
	if (prod + sizeof(h) + h.len > XENSTORE_RING_SIZE)
		die("too many requests");
	memcpy(ring->req + prod, msg, sizeof(h) + h.len);
	__atomic_store_n(&ring->req_prod, prod + (uint32_t)sizeof(h) + h.len, __ATOMIC_RELEASE);
}

/* All that it may read, its bill, its backend. */
static void ask_all(const struct bare *d, const char *b)
{
	char backend[64];

	snprintf(backend, sizeof(backend), "/local/domain/%s/backend/abd/%u", b, d->domid);
	for (unsigned int i = 0; i < WATCHES; i++) {
		ask(d->ring, "/local/domain", 3 * i);
		ask(d->ring, "acctring", 3 * i + 1);
		ask(d->ring, backend, 3 * i + 2);
	}
}

/* Rings whose requests were taken; `full`: that have no room for an answer. */
static unsigned int count_rings(bool full)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct xenstore_domain_interface *ring;
		uint32_t taken;

		if (!list[i].frame)
			continue;
		if (!list[i].ring) /* once: it costs more than all the rest */
			list[i].ring = map(list[i].domid, list[i].frame);
		ring = list[i].ring;
		taken = __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
		if (full)
			count += ring->rsp_prod - ring->rsp_cons == XENSTORE_RING_SIZE;
		else
			count += taken == ring->req_prod;
	}
	return count;
}

static int watch(const char *file, const char *b)
{
	uint64_t end = now_ns() + 120000000000ull;
	unsigned int silent = 0;

	load(file);
	for (unsigned int i = 0; i < n; i++)
		if (list[i].frame) {
			list[i].ring = map(list[i].domid, list[i].frame);
			ask_all(&list[i], b);
			silent++;
		}
	while (count_rings(false) < silent) {
		if (now_ns() > end) {
			printf("of %u rings only %u were read\n", silent, count_rings(false));
			return 1;
		}
		free(xs_read(xs, XBT_NULL, "domid", NULL)); /* the store is awake */
		nap_ms(50);
	}
	printf("%u domains set %u watches each and read nothing\n", silent, 3 * WATCHES);
	return 0;
}

static int end(const char *file)
{
	char path[96];
	int failed = 0;

	load(file);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t d = list[i].domid;

		if (xs_is_domain_introduced(xs, d))
			xs_release_domain(xs, d);
		failed |= xc_domain_destroy(xch, d);
		snprintf(path, sizeof(path), "/local/domain/%u", d);
		xs_rm(xs, XBT_NULL, path);
		snprintf(path, sizeof(path), "/vm/ba5e0000-0000-4000-8000-00000000%04x", d);
		xs_rm(xs, XBT_NULL, path);
		snprintf(path, sizeof(path), "/libxl/%u", d);
		xs_rm(xs, XBT_NULL, path);
	}
	return failed != 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		die("usage: bare make|watch|full|end FILE ...");
	xch = xc_interface_open(NULL, NULL, 0);
	fmem = xenforeignmemory_open(NULL, 0);
	xs = xs_open(0);
	if (!xch || !fmem || !xs)
		die("no Xen");
	if (argc == 6 && !strcmp(argv[1], "make"))
		return make(argv[2], argv[3], (unsigned int)atoi(argv[4]),
			    (unsigned int)atoi(argv[5]));
	if (argc == 4 && !strcmp(argv[1], "watch"))
		return watch(argv[2], argv[3]);
	if (!strcmp(argv[1], "end"))
		return end(argv[2]);
	load(argv[2]);
	printf("%u\n", count_rings(true));
	return 0;
}
