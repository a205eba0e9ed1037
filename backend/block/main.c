/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-blkback: serves virtual disks from files or block devices, and
 * posts what each request costs.
 */
#include "backend/block/blkback.h"

int main(int argc, char **argv)
{
	return backend_main(&blkback_ops, argc, argv);
}
