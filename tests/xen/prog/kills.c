/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kills DOMID ROUNDS: pages shared within this domain (DOMID is our own), the
 * granter and the mapper killed in every order.  Prints one line per order:
 * rounds, and how often a mapper that lived on read something wrong.
 */
#include <signal.h>
#include <sys/wait.h>
#include <xengnttab.h>

#include "tests/xen/prog/prog.h"

#define PAGES 8

static uint32_t self;

static pid_t child(int *fd, void (*run)(int, const uint32_t *), const uint32_t *refs)
{
	int p[2];
	pid_t pid;

	if (pipe(p))
		die("pipe");
	pid = fork();
	if (pid)
		close(p[1]);
	else
		run(p[1], refs);
	*fd = p[0];
	return pid;
}

static void grant(int fd, const uint32_t *unused)
{
	xengntshr_handle *h = xengntshr_open(NULL, 0);
	uint32_t refs[PAGES];
	volatile uint32_t *p = h ? xengntshr_share_pages(h, self, PAGES, refs, 0) : NULL;

	(void)unused;
	if (!p)
		_exit(1);
	for (uint32_t i = 0; i < PAGES; i++)
		p[i * PAGE / 4] = pattern(i);
	if (write(fd, refs, sizeof(refs)) < 0)
		_exit(1);
	for (;;)
		p[1]++;
}

/* Says 'm' when mapped, then 'r' or 'w' (right, wrong) for ever. */
static void map(int fd, const uint32_t *refs)
{
	xengnttab_handle *h = xengnttab_open(NULL, 0);
	uint32_t copy[PAGES];
	volatile uint32_t *p;
	char c = 'm';

	memcpy(copy, refs, sizeof(copy));
	p = h ? xengnttab_map_domain_grant_refs(h, PAGES, self, copy, 1) : NULL;
	while (p && write(fd, &c, 1) == 1) {
		c = 'r';
		for (uint32_t i = 0; i < PAGES; i++)
			if (p[i * PAGE / 4] != pattern(i))
				c = 'w';
		nap_ms(1);
	}
	_exit(1);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* How many answers a living mapper gives that are not right. */
static int judge(int fd)
{
	char c;
	int wrong = 0;

	for (int i = 0; i < 20; i++)
		wrong += read(fd, &c, 1) != 1 || c == 'w';
	return wrong;
}

static int round_of(int order)
{
	uint32_t refs[PAGES];
	int from_g, from_m, wrong = 0;
	char c;
	pid_t g = child(&from_g, grant, NULL), m;

	if (read(from_g, refs, sizeof(refs)) != sizeof(refs))
		die("granter");
	m = child(&from_m, map, refs);
	if (read(from_m, &c, 1) != 1)
		die("mapper");
	switch (order) {
	case 0: /* granter first: the mapper reads on */
		end(g);
		wrong = judge(from_m);
		end(m);
		break;
	case 1: /* mapper first */
		end(m);
		end(g);
		break;
	case 2: /* both at once */
		kill(g, SIGKILL);
		kill(m, SIGKILL);
		waitpid(g, NULL, 0);
		waitpid(m, NULL, 0);
		break;
	case 3: /* granter killed, mapper stopped, continued after it is gone */
		kill(m, SIGSTOP);
		end(g);
		kill(m, SIGCONT);
		wrong = judge(from_m);
		end(m);
		break;
	}
	close(from_g);
	close(from_m);
	return wrong;
}

int main(int argc, char **argv)
{
	static const char *const name[] = { "granter first", "mapper first", "both at once",
					    "granter, mapper stopped" };
	int rounds = argc > 2 ? atoi(argv[2]) : 0, bad = 0;

	if (!rounds)
		die("usage: kills DOMID ROUNDS");
	self = (uint32_t)atoi(argv[1]);
	for (int o = 0; o < 4; o++) {
		int wrong = 0;

		for (int i = 0; i < rounds; i++)
			wrong += round_of(o);
		printf("%s: %d rounds, %d wrong\n", name[o], rounds, wrong);
		bad += wrong;
	}
	return bad != 0;
}
