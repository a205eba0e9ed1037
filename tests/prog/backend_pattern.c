/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `acctring-blkfront --rw verify --seed SEED` leaves on a disk, on
 * stdout.  Usage: backend_pattern SEED SECTORS
 */
#include <stdio.h>

#include "common/kv.h"
#include "frontend/block/pattern.h"

int main(int argc, char **argv)
{
	unsigned char sector[PATTERN_SECTOR];
	uint64_t seed, n, i;

	if (argc != 3 || !parse_u64(argv[1], UINT64_MAX, &seed) ||
	    !parse_u64(argv[2], 1u << 30, &n))
		return 2;
	for (i = 0; i < n; i++) {
		pattern_fill(sector, seed, i);
		fwrite(sector, sizeof(sector), 1, stdout);
	}
	return fflush(stdout) ? 1 : 0;
}
