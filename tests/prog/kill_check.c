/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_check - judges a ledger by the oracle pages of COUNT backends.
 *
 *	kill_check DIR SEED COUNT [shared]
 *
 * shared: others posted, too, and theirs may be refused.
 */
#include "tests/prog/kill_judge.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct kill_oracle *oracle[KILL_MAX];
	static enum kill_fate fate[KILL_MAX]; /* all KILL_KEPT */
	char file[4096];
	uint32_t n;

	if (argc != 4 && argc != 5)
		errx(2, "usage: kill_check DIR SEED COUNT [shared]");
	n = (uint32_t)strtoul(argv[3], NULL, 0);
	if (!n || n > KILL_MAX)
		errx(2, "COUNT: 1..%u", KILL_MAX);
	for (uint32_t i = 0; i < n; i++) {
		int fd;

		snprintf(file, sizeof(file), "%s/oracle-%u", argv[1], i);
		fd = open(file, O_RDONLY);
		oracle[i] = mmap(NULL, sizeof(*oracle[i]), PROT_READ, MAP_SHARED, fd, 0);
		if (fd < 0 || oracle[i] == MAP_FAILED)
			err(1, "%s", file);
		close(fd);
	}
	return judge(argv[1], strtoull(argv[2], NULL, 0), oracle, n, fate, argc == 4) ? 0 : 1;
}
