/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network device at its limit.
 *
 *	flood send udp|tcp ADDRESS PORT SIZE MS [SPIN_US WARM_MS [ON_MS REST_MS]]
 *						   as much as goes, for MS; after each call it
 *						   works for SPIN_US.  For ON_MS, then it rests for
 *						   REST_MS, and so on.  ON_MS 0: one packet, and a
 *						   rest of random length, REST_MS on average
 *	flood count udp|tcp PORT WARM_MS MS        what arrives in the MS after WARM_MS,
 *						   from the first that arrives
 *
 * SIZE: of a datagram, or of a write.  Says "packets= bytes= ns="; of TCP no packets.  Who works says
 * "pause_ns=", the longest that it was kept from that, after WARM_MS.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/xen/prog/spin.h"

#define BATCH 32u
#define LARGEST 65536u

static char buf[LARGEST];
static struct mmsghdr batch[BATCH];
static struct iovec iov = { buf, sizeof(buf) };
static unsigned int calls = BATCH; /* packets of a call */

static int open_socket(bool tcp, const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int s = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), on = 1;

	a.sin_port = htons((uint16_t)atoi(port));
	if (host && inet_pton(AF_INET, host, &a.sin_addr) != 1)
		errx(2, "%s: not an address", host);
	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		err(1, "socket");
	if (host ? connect(s, (struct sockaddr *)&a, sizeof(a))
		 : bind(s, (struct sockaddr *)&a, sizeof(a)))
		err(1, host ? "connect" : "bind");
	if (host || !tcp)
		return s;
	if (listen(s, 1))
		err(1, "listen");
	s = accept(s, NULL, NULL);
	if (s < 0)
		err(1, "accept");
	return s;
}

static void send_some(int s, bool tcp)
{
	ssize_t n = tcp ? write(s, buf, iov.iov_len) : sendmmsg(s, batch, calls, 0);

	/* refused: who counts has ended; no buffers: the device is full */
	if (n < 0 && errno != ECONNREFUSED && errno != ENOBUFS)
		err(1, "send");
}

static void receive_some(int s, bool tcp, uint64_t *packets, uint64_t *bytes)
{
	ssize_t n =
		tcp ? read(s, buf, sizeof(buf)) : recvmmsg(s, batch, BATCH, MSG_WAITFORONE, NULL);

	if (n <= 0)
		err(1, "receive");
	if (tcp) {
		*bytes += (uint64_t)n;
		return;
	}
	*packets += (uint64_t)n;
	for (ssize_t i = 0; i < n; i++)
		*bytes += batch[i].msg_len;
}

static void count(int s, bool tcp, uint64_t warm, uint64_t ms)
{
	uint64_t packets = 0, bytes = 0, at;

	receive_some(s, tcp, &packets, &bytes);
	for (at = now_ms(); now_ms() - at < warm;)
		receive_some(s, tcp, &packets, &bytes);
	packets = bytes = 0;
	for (at = now_ns(); now_ns() - at < ms * 1000000;)
		receive_some(s, tcp, &packets, &bytes);
	at = now_ns() - at;
	printf("packets=%" PRIu64 " bytes=%" PRIu64 " ns=%" PRIu64 "\n", packets, bytes, at);
	fflush(stdout);
	/* a sender that is cut off would fail */
	shutdown(s, SHUT_WR);
	while (tcp && read(s, buf, sizeof(buf)) > 0)
		;
}

/* When a burst of `on` ms that began at `from` is over: a rest. */
static void rest(uint64_t on, uint64_t ms, uint64_t *from)
{
	if (!ms || now_ms() - *from < on)
		return;
	usleep((useconds_t)((double)ms * 1000 * (on ? 1 : 2 * drand48())));
	*from = now_ms();
}

/* MS [SPIN_US WARM_MS [ON_MS REST_MS]] */
static void send_for(int s, bool tcp, char **argv)
{
	uint64_t ms = strtoull(argv[0], NULL, 0), warm = 0, on = 0, off = 0, at, from;
	struct spin work;

	spin_begin(&work, argv[1] ? strtoull(argv[1], NULL, 0) : 0);
	if (argv[1])
		warm = strtoull(argv[2], NULL, 0);
	if (argv[1] && argv[3]) {
		on = strtoull(argv[3], NULL, 0);
		off = strtoull(argv[4], NULL, 0);
		calls = on ? BATCH : 1;
	}
	for (at = from = now_ms(); now_ms() - at < ms;) {
		send_some(s, tcp);
		spin(&work);
		if (now_ms() - at < warm)
			work.pause_ns = 0;
		rest(on, off, &from);
	}
	if (argv[1])
		printf("pause_ns=%" PRIu64 "\n", work.pause_ns);
}

int main(int argc, char **argv)
{
	bool sends = (argc == 7 || argc == 9 || argc == 11) && !strcmp(argv[1], "send");
	bool tcp = argc > 2 && !strcmp(argv[2], "tcp");
	int s;

	if (!sends && !(argc == 6 && !strcmp(argv[1], "count")))
		errx(2, "usage: flood send udp|tcp ADDRESS PORT SIZE MS [SPIN_US WARM_MS "
			"[ON_MS REST_MS]] | count udp|tcp PORT WARM_MS MS");
	for (unsigned int i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	if (!sends) {
		count(open_socket(tcp, NULL, argv[3]), tcp, strtoull(argv[4], NULL, 0),
		      strtoull(argv[5], NULL, 0));
		return 0;
	}
	iov.iov_len = strtoul(argv[5], NULL, 0);
	if (!iov.iov_len || iov.iov_len > sizeof(buf))
		errx(2, "SIZE: 1..%zu", sizeof(buf));
	s = open_socket(tcp, argv[3], argv[4]);
	send_for(s, tcp, argv + 6);
	return 0;
}
