/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-netback: joins guests' network devices by a switch, and posts
 * what each frame costs.
 */
#include "backend/net/netback.h"

int main(int argc, char **argv)
{
	return backend_main(&netback_ops, argc, argv);
}
