/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What xenstore-utils cannot show: errno, quotas, transactions and watches of
 * several processes of one domain.  Uses the real libxenstore.
 *
 *   read PATH            prints the value, or the error's name
 *   write PATH VALUE     "ok" or the error's name
 *   watch PATH           "ok" or the error's name
 *   fill PATH MAX        makes up to MAX nodes: "COUNT ERROR"
 *   watches PATH MAX     sets up to MAX watches: "COUNT ERROR"
 *   crowd PATH MAX       the same, and waits
 *   hold PATH VALUE N    in N transactions writes PATH, prints "held", waits
 *   commit PATH VALUE N  N transactions: one result per line
 *   mix PATH ROUNDS      transactions and watches together, checked: "ok ..."
 *   garbage              what the socket answers to nonsense
 *   deaf PATH            watches PATH and never reads: "watching", then, when it
 *                        is cut off, "closed"
 *   greedy PATH          asks and never reads: how many KiB it got rid of
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>
#include <xenstore.h>

static struct xs_handle *xs;

static const char *error(void)
{
	return strerrorname_np(errno);
}

static int say(bool ok)
{
	puts(ok ? "ok" : error());
	return 0;
}

static int cmd_read(char **arg)
{
	unsigned int len;
	char *v = xs_read(xs, XBT_NULL, arg[0], &len);

	puts(v ? v : error());
	free(v);
	return 0;
}

static int cmd_write(char **arg)
{
	return say(xs_write(xs, XBT_NULL, arg[0], arg[1], strlen(arg[1])));
}

static int cmd_watch(char **arg)
{
	return say(xs_watch(xs, arg[0], "token"));
}

static int cmd_fill(char **arg)
{
	int i, max = atoi(arg[1]);
	char path[256];

	for (i = 0; i < max; i++) {
		/* a list of children counts as its node's data: keep it short */
		snprintf(path, sizeof(path), "%s/%d/%d", arg[0], i / 50, i);
		if (!xs_write(xs, XBT_NULL, path, "", 0))
			break;
	}
	printf("%d %s\n", i, i < max ? error() : "none");
	return 0;
}

static int cmd_watches(char **arg)
{
	int i, max = atoi(arg[1]);
	char token[16];

	for (i = 0; i < max; i++) {
		snprintf(token, sizeof(token), "%d", i);
		if (!xs_watch(xs, arg[0], token))
			break;
	}
	printf("%d %s\n", i, i < max ? error() : "none");
	return 0;
}

static int cmd_crowd(char **arg)
{
	cmd_watches(arg);
	fflush(stdout);
	pause();
	return 0;
}

static int cmd_hold(char **arg)
{
	int i, n = atoi(arg[2]);
	xs_transaction_t t;

	for (i = 0; i < n; i++) {
		t = xs_transaction_start(xs);
		if (t == XBT_NULL || !xs_write(xs, t, arg[0], arg[1], strlen(arg[1]))) {
			printf("%d %s\n", i, error());
			return 1;
		}
	}
	puts("held");
	fflush(stdout);
	pause();
	return 0;
}

static int cmd_commit(char **arg)
{
	int i, n = atoi(arg[2]);
	xs_transaction_t t;
	bool ok;

	for (i = 0; i < n; i++) {
		t = xs_transaction_start(xs);
		ok = t != XBT_NULL && xs_write(xs, t, arg[0], arg[1], strlen(arg[1]));
		say(xs_transaction_end(xs, t, !ok) && ok);
	}
	return 0;
}

/* Wait for the event of our own path; others' would be a mix-up. */
static bool one_event(const char *path, const char *token)
{
	struct pollfd p = { .fd = xs_fileno(xs), .events = POLLIN };
	unsigned int n;
	bool mine;
	char **v;

	if (poll(&p, 1, 10000) != 1)
		return false;
	v = xs_read_watch(xs, &n);
	mine = v && !strcmp(v[XS_WATCH_TOKEN], token) &&
	       !strncmp(v[XS_WATCH_PATH], path, strlen(path));
	free(v);
	return mine;
}

/* Add one to @path in a transaction, against others who do the same. */
static int add_one(const char *path)
{
	char text[16];
	unsigned int len;
	int tries;

	for (tries = 1; tries < 10000; tries++) {
		xs_transaction_t t = xs_transaction_start(xs);
		char *v = xs_read(xs, t, path, &len);

		snprintf(text, sizeof(text), "%d", v ? atoi(v) + 1 : 1);
		free(v);
		if (!xs_write(xs, t, path, text, strlen(text)))
			return -1;
		if (xs_transaction_end(xs, t, false))
			return tries;
		if (errno != EAGAIN)
			return -1;
	}
	return -1;
}

static int cmd_mix(char **arg)
{
	int i, n = atoi(arg[1]), tries = 0, rc;
	char own[256], sum[256];

	snprintf(own, sizeof(own), "%s/%d", arg[0], (int)getpid());
	snprintf(sum, sizeof(sum), "%s/sum", arg[0]);
	/* every process has the same token */
	if (!xs_watch(xs, own, "token") || !one_event(own, "token"))
		return say(false);
	for (i = 0; i < n; i++) {
		if (!xs_write(xs, XBT_NULL, own, "x", 1) || !one_event(own, "token"))
			return say(false);
		rc = add_one(sum);
		if (rc < 0)
			return say(false);
		tries += rc;
	}
	if (!xs_unwatch(xs, own, "token"))
		return say(false);
	printf("ok %d commits in %d tries\n", n, tries);
	return 0;
}

/* -- without the library: what no decent client does -- */

static int raw_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", getenv("XENSTORED_PATH"));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static void raw_send(int fd, uint32_t type, uint32_t tx, uint32_t len, const void *data,
		     size_t have)
{
	struct xsd_sockmsg hdr = { .type = type, .tx_id = tx, .len = len };

	if (send(fd, &hdr, sizeof(hdr), MSG_NOSIGNAL) < 0 || send(fd, data, have, MSG_NOSIGNAL) < 0)
		perror("send");
}

/* One answer: an error's name, "ok" or "closed". */
static void raw_answer(int fd)
{
	struct xsd_sockmsg hdr;
	char data[XENSTORE_PAYLOAD_MAX];

	if (recv(fd, &hdr, sizeof(hdr), MSG_WAITALL) != sizeof(hdr))
		printf("closed ");
	else if (recv(fd, data, hdr.len, MSG_WAITALL) != (ssize_t)hdr.len)
		printf("cut ");
	else
		printf("%s ", hdr.type == XS_ERROR ? data : "ok");
}

static int cmd_garbage(char **arg)
{
	int fd = raw_open();

	(void)arg;
	raw_send(fd, XS_READ, 0, XENSTORE_PAYLOAD_MAX + 1, "", 0);
	raw_answer(fd); /* more than a message may have */
	fd = raw_open();
	raw_send(fd, 9999, 0, 2, "x", 2);
	raw_answer(fd); /* no such request */
	raw_send(fd, XS_READ, 12345, 5, "name", 5);
	raw_answer(fd); /* nobody's transaction */
	raw_send(fd, XS_WATCH, 0, 4, "data", 4);
	raw_answer(fd); /* no end, no token */
	raw_send(fd, XS_TRANSACTION_END, 12345, 2, "T", 2);
	raw_answer(fd);
	raw_send(fd, XS_READ, 0, 5, "name", 5);
	raw_answer(fd); /* and still well */
	raw_send(fd, XS_READ, 0, 500, "half", 5);
	puts("");
	return 0; /* in the middle of a message */
}

static int cmd_deaf(char **arg)
{
	struct pollfd p = { .fd = raw_open() };
	char data[1400];
	int n = snprintf(data, sizeof(data), "%s%c%01000d", arg[0], 0, 1);

	raw_send(p.fd, XS_WATCH, 0, (uint32_t)n + 1, data, (size_t)n + 1);
	puts("watching");
	fflush(stdout);
	poll(&p, 1, 20000); /* POLLHUP only */
	puts(p.revents & POLLHUP ? "closed" : "open");
	return 0;
}

static int cmd_greedy(char **arg)
{
	struct {
		struct xsd_sockmsg hdr;
		char path[64];
	} m = { .hdr = { .type = XS_READ } };
	int fd = raw_open(), quiet = 0;
	size_t sent = 0;

	m.hdr.len = (uint32_t)snprintf(m.path, sizeof(m.path), "%s", arg[0]) + 1;
	while (quiet < 10 && sent < 64 << 20) {
		ssize_t n = send(fd, &m, sizeof(m.hdr) + m.hdr.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		quiet = n > 0 ? 0 : quiet + 1;
		if (n < 0)
			usleep(50000);
	}
	printf("%zu\n", sent >> 10);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **arg);
	} cmds[] = {
		{ "read", 1, cmd_read },       { "write", 2, cmd_write },
		{ "watch", 1, cmd_watch },     { "fill", 2, cmd_fill },
		{ "watches", 2, cmd_watches }, { "crowd", 2, cmd_crowd },
		{ "hold", 3, cmd_hold },       { "commit", 3, cmd_commit },
		{ "mix", 2, cmd_mix },	       { "garbage", 0, cmd_garbage },
		{ "deaf", 1, cmd_deaf },       { "greedy", 1, cmd_greedy },
	};
	size_t i;

	xs = xs_open(0);
	if (!xs) {
		perror("xs_open");
		return 1;
	}
	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (argc - 2 == cmds[i].args && !strcmp(argv[1], cmds[i].name))
			return cmds[i].run(argv + 2);
	fprintf(stderr, "usage: see the head of %s\n", __FILE__);
	return 2;
}
