/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netload - load for a network device, whose contents are checked.
 *
 *	netload sink PORT SECONDS       one TCP connection to its end, then UDP
 *					until nothing came for SECONDS
 *	netload tcp ADDRESS PORT MIB
 *	netload udp ADDRESS PORT COUNT SIZE RATE    datagrams, per second
 *
 * The sink says what came, and how many bytes or datagrams were wrong.
 */
#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "tests/xen/prog/pattern.h"

#define SEED 7u
#define DATAGRAM 9000u

static char buf[65536];

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		errx(2, "%s: not an address", host);
	return a;
}

static int open_socket(int type, const struct sockaddr_in *a, bool server)
{
	int s = socket(AF_INET, type, 0), on = 1, r;

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		err(1, "socket");
	r = server ? bind(s, (const struct sockaddr *)a, sizeof(*a))
		   : connect(s, (const struct sockaddr *)a, sizeof(*a));
	if (r)
		err(1, server ? "bind" : "connect");
	return s;
}

static uint64_t tcp_sink(int listener)
{
	int s = accept(listener, NULL, NULL);
	uint64_t bytes = 0, bad = 0;
	ssize_t n;

	if (s < 0)
		err(1, "accept");
	while ((n = read(s, buf, sizeof(buf))) > 0) {
		bad += pattern_bad(buf, (size_t)n, SEED, bytes);
		bytes += (uint64_t)n;
	}
	if (n < 0)
		err(1, "read");
	/* so that the sender knows that all has come */
	if (write(s, &bytes, sizeof(bytes)) != sizeof(bytes))
		err(1, "write");
	close(s);
	printf("tcp bytes=%" PRIu64 " bad=%" PRIu64 "\n", bytes, bad);
	fflush(stdout);
	return bad;
}

/* A datagram begins with its number, which is the seed of the rest. */
static uint64_t udp_sink(int s, int seconds)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	uint64_t got = 0, bytes = 0, bad = 0, last = 0, late = 0, seq;
	ssize_t n;

	while (poll(&p, 1, seconds * 1000) == 1) {
		n = recv(s, buf, sizeof(buf), 0);
		if (n < 8)
			continue;
		memcpy(&seq, buf, 8);
		bad += pattern_bad(buf + 8, (size_t)n - 8, seq, 8) != 0;
		late += seq <= last;
		last = seq;
		got++;
		bytes += (uint64_t)n;
	}
	printf("udp datagrams=%" PRIu64 " bytes=%" PRIu64 " bad=%" PRIu64 " late=%" PRIu64 "\n",
	       got, bytes, bad, late);
	return bad;
}

static int sink(char **argv)
{
	struct sockaddr_in a = address("0.0.0.0", argv[2]);
	int t = open_socket(SOCK_STREAM, &a, true), u = open_socket(SOCK_DGRAM, &a, true);
	uint64_t bad;

	if (listen(t, 1))
		err(1, "listen");
	bad = tcp_sink(t);
	bad += udp_sink(u, atoi(argv[3]));
	return bad != 0;
}

static int tcp(char **argv)
{
	struct sockaddr_in a = address(argv[2], argv[3]);
	int s = open_socket(SOCK_STREAM, &a, false);
	uint64_t end = strtoull(argv[4], NULL, 0) << 20, at, heard = 0;
	size_t done;
	ssize_t n;

	for (at = 0; at < end; at += sizeof(buf)) {
		pattern_fill(buf, sizeof(buf), SEED, at);
		for (done = 0; done < sizeof(buf); done += (size_t)n) {
			n = write(s, buf + done, sizeof(buf) - done);
			if (n <= 0)
				err(1, "write");
		}
	}
	shutdown(s, SHUT_WR);
	if (read(s, &heard, sizeof(heard)) != sizeof(heard) || heard != end)
		errx(1, "the sink has %" PRIu64 " of %" PRIu64 " bytes", heard, end);
	printf("tcp sent=%" PRIu64 "\n", end);
	return 0;
}

static int udp(char **argv)
{
	struct sockaddr_in a = address(argv[2], argv[3]);
	int s = open_socket(SOCK_DGRAM, &a, false);
	uint64_t count = strtoull(argv[4], NULL, 0), seq;
	size_t size = strtoul(argv[5], NULL, 0) & ~(size_t)7;
	struct timespec pause = { 0, 1000000000 / atol(argv[6]) };

	if (size < 16 || size > DATAGRAM)
		errx(2, "SIZE: 16..%u", DATAGRAM);
	for (seq = 1; seq <= count; seq++) {
		memcpy(buf, &seq, 8);
		pattern_fill(buf + 8, size - 8, seq, 8);
		if (send(s, buf, size, 0) != (ssize_t)size)
			err(1, "send");
		nanosleep(&pause, NULL);
	}
	printf("udp sent=%" PRIu64 "\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return sink(argv);
	if (argc == 5 && !strcmp(argv[1], "tcp"))
		return tcp(argv);
	if (argc == 7 && !strcmp(argv[1], "udp"))
		return udp(argv);
	errx(2, "usage: netload sink PORT SECONDS | tcp ADDRESS PORT MIB | udp ADDRESS PORT COUNT "
		"SIZE RATE");
}
