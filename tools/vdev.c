/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vdev.c - the numbers of virtual disks (docs/misc/vbd-interface of Xen):
 * 202 << 8 | disk << 4 | partition up to xvdp15, beyond that
 * 1 << 28 | disk << 8 | partition.
 */
#include "tools/plug.h"

#include "common/kv.h"

#include <stdio.h>
#include <string.h>

#define MAJOR (202u << 8)
#define EXTENDED (1u << 28)
#define DISKS (26u + 26u * 26u) /* xvda .. xvdzz */

bool vdev_parse(const char *text, uint32_t *devid)
{
	unsigned int disk = 0;
	uint64_t part = 0;
	const char *p;

	if (strncmp(text, "xvd", 3) != 0) {
		if (!parse_u64(text, INT32_MAX, &part))
			return false;
		*devid = (uint32_t)part;
		return true;
	}
	for (p = text + 3; *p >= 'a' && *p <= 'z' && disk <= DISKS; p++)
		disk = disk * 26 + (unsigned int)(*p - 'a') + 1;
	if (!disk || disk > DISKS)
		return false;
	disk--;
	if (*p && (*p == '0' || !parse_u64(p, 255, &part)))
		return false;
	if (disk < 16 && part < 16)
		*devid = MAJOR | disk << 4 | (uint32_t)part;
	else
		*devid = EXTENDED | disk << 8 | (uint32_t)part;
	return true;
}

void vdev_name(uint32_t devid, char name[16])
{
	unsigned int disk, part;
	char letters[3] = "";

	name[0] = '\0';
	if (devid & EXTENDED) {
		disk = (devid & ~EXTENDED) >> 8;
		part = devid & 0xff;
	} else if ((devid & ~0xffu) == MAJOR) {
		disk = (devid & 0xff) >> 4;
		part = devid & 0xf;
	} else {
		return;
	}
	if (disk >= DISKS)
		return;
	if (disk < 26) {
		letters[0] = (char)('a' + disk);
	} else {
		letters[0] = (char)('a' + disk / 26 - 1);
		letters[1] = (char)('a' + disk % 26);
	}
	if (part)
		snprintf(name, 16, "xvd%s%u", letters, part);
	else
		snprintf(name, 16, "xvd%s", letters);
}
