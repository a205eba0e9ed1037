/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs, in a guest, what a case in dom0 asks for.  Dom0 writes
 * data/bed/cmd = "<n> <shell command>"; the agent answers with
 * data/bed/out/0, 1, ... (the last 15000 bytes, printable) and data/bed/done =
 * "<n> <exit code> <pieces of output>".  Commands run one after another; a case that wants
 * something in the background says so with '&'.
 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenstore.h>

#define OUT "/tmp/agent.out"
#define PIECE 1500 /* a node of oxenstored and of xenstored holds 2048 */
#define PIECES 10

static void answer(struct xs_handle *xs, long n, int rc)
{
	char buf[PIECES * PIECE], line[64];
	unsigned int piece = 0;
	size_t len = 0, i;
	FILE *f = fopen(OUT, "r");

	if (f) {
		if (fseek(f, -(long)sizeof(buf), SEEK_END))
			rewind(f);
		len = fread(buf, 1, sizeof(buf), f);
		fclose(f);
	}
	for (i = 0; i < len; i++)
		if (!isprint((unsigned char)buf[i]) && buf[i] != '\n' && buf[i] != '\t')
			buf[i] = '?';
	for (i = 0; i < len; i += PIECE) {
		snprintf(line, sizeof(line), "data/bed/out/%u", piece++);
		xs_write(xs, XBT_NULL, line, buf + i,
			 (unsigned int)(len - i < PIECE ? len - i : PIECE));
	}
	len = (size_t)snprintf(line, sizeof(line), "%ld %d %u", n, rc, piece);
	xs_write(xs, XBT_NULL, "data/bed/done", line, (unsigned int)len);
}

static long last; /* a number is obeyed once, by whichever agent */

static void obey(struct xs_handle *xs)
{
	unsigned int len;
	char *s = xs_read(xs, XBT_NULL, "data/bed/cmd", &len), *cmd;
	long n;
	int rc;
	char *line;

	if (!s)
		return;
	n = strtol(s, &cmd, 10);
	if (n <= last || *cmd != ' ' || asprintf(&line, "exec >" OUT " 2>&1\n%s", cmd) < 0) {
		free(s);
		return;
	}
	last = n;
	printf("agent: %s\n", s);
	fflush(stdout);
	rc = system(line);
	answer(xs, n, WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc));
	free(line);
	free(s);
}

int main(void)
{
	struct xs_handle *xs = xs_open(0);
	struct pollfd p = { .events = POLLIN };
	char *s;

	if (!xs || !xs_watch(xs, "data/bed/cmd", "cmd")) {
		perror("agent: xenstore");
		return 1;
	}
	s = xs_read(xs, XBT_NULL, "data/bed/done", NULL);
	if (s)
		last = strtol(s, NULL, 10);
	else
		xs_write(xs, XBT_NULL, "data/bed/done", "0 0 0", 5);
	free(s);
	p.fd = xs_fileno(xs);
	for (;;) {
		char **ev;

		poll(&p, 1, -1);
		while ((ev = xs_check_watch(xs))) {
			free(ev);
			obey(xs);
		}
	}
}
