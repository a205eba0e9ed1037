/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cpus.c - see cpus.h.
 */
#include "collector/cpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int map_size(xc_interface *xc)
{
	int size = xc_get_cpumap_size(xc);

	if (size > 0 && size <= (int)CPUS_BYTES)
		return size;
	return size > 0 ? -E2BIG : -EIO;
}

int cpus_of_pool(xc_interface *xc, uint32_t pool, uint8_t map[CPUS_BYTES])
{
	xc_cpupoolinfo_t *info = xc_cpupool_getinfo(xc, pool);
	int size = map_size(xc);

	memset(map, 0, CPUS_BYTES);
	if (!info)
		return -errno;
	if (size > 0 && info->cpupool_id == pool)
		memcpy(map, info->cpumap, (size_t)size);
	else if (size > 0)
		size = -ENOENT;
	xc_cpupool_infofree(xc, info);
	return size < 0 ? size : 0;
}

int cpus_of_domain(xc_interface *xc, uint16_t domid, unsigned int vcpus, uint32_t pool,
		   uint8_t map[CPUS_BYTES])
{
	uint8_t all[CPUS_BYTES] = { 0 };
	int i, size, err = cpus_of_pool(xc, pool, map);
	xc_cpumap_t hard;
	unsigned int v;

	if (err)
		return err;
	size = map_size(xc);
	hard = xc_cpumap_alloc(xc);
	if (!hard)
		return -ENOMEM;
	for (v = 0; v < vcpus; v++) {
		memset(hard, 0, (size_t)size);
		/* one that was never made has no affinity */
		if (xc_vcpu_getaffinity(xc, domid, (int)v, hard, NULL, XEN_VCPUAFFINITY_HARD))
			continue;
		for (i = 0; i < size; i++)
			all[i] |= hard[i];
	}
	free(hard);
	for (i = 0; i < (int)CPUS_BYTES; i++)
		map[i] &= all[i];
	return 0;
}

int cpus_idle(xc_interface *xc, const uint8_t map[CPUS_BYTES], uint64_t *idle_ns,
	      unsigned int *cpus)
{
	static xc_cpuinfo_t info[CPUS_MAX];
	int i, n = 0;

	*idle_ns = 0;
	*cpus = 0;
	if (xc_getcpuinfo(xc, CPUS_MAX, info, &n))
		return -errno;
	for (i = 0; i < n; i++) {
		if (!(map[i / 8] >> (i % 8) & 1))
			continue;
		*idle_ns += info[i].idletime;
		++*cpus;
	}
	return 0;
}

unsigned int cpus_wanted(xc_interface *xc, uint16_t domid, unsigned int vcpus, bool *waits)
{
	xc_vcpuinfo_t info;
	unsigned int v, wanted = 0;

	*waits = false;
	for (v = 0; v < vcpus; v++) {
		if (xc_vcpu_getinfo(xc, domid, v, &info) || !info.online ||
		    (info.blocked && !info.running))
			continue;
		wanted++;
		*waits |= !info.running;
	}
	return wanted;
}
