/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Load on xenstore from this domain.
 *   xsload write SECONDS    how many writes a second are answered; the longest wait
 *   xsload hold SECONDS     a transaction, open that long
 *   xsload conflict SECONDS transactions that write one node, one after another
 *   xsload room             how many more watches and transactions this domain may have
 */
#include <xenstore.h>

#include "tests/xen/prog/prog.h"

#define KEY "data/load"

static int writes(struct xs_handle *xs, uint64_t end)
{
	uint64_t began = now_ns(), t = began, worst = 0;
	char buf[24];
	int n = 0;

	while (t < end) {
		uint64_t t0 = t;
		int len = snprintf(buf, sizeof(buf), "%d", n++);

		if (!xs_write(xs, XBT_NULL, KEY "/w", buf, (unsigned int)len))
			die("write");
		t = now_ns();
		if (t - t0 > worst)
			worst = t - t0;
	}
	printf("writes %d, per second %.0f, longest %.1f ms\n", n, n * 1e9 / (double)(t - began),
	       (double)worst / 1e6);
	return 0;
}

static int hold(struct xs_handle *xs, uint64_t end)
{
	xs_transaction_t t = xs_transaction_start(xs);
	int ok;

	if (!t || !xs_write(xs, t, KEY "/t", "1", 1))
		die("transaction");
	printf("held\n");
	fflush(stdout);
	while (now_ns() < end)
		nap_ms(50);
	ok = xs_transaction_end(xs, t, false);
	printf("end: %s\n", ok ? "committed" : strerror(errno));
	return 0;
}

static int conflicts(struct xs_handle *xs, uint64_t end)
{
	int good = 0, again = 0;

	while (now_ns() < end) {
		xs_transaction_t t = xs_transaction_start(xs);

		if (!t || !xs_write(xs, t, KEY "/c", "1", 1))
			die("transaction");
		if (xs_transaction_end(xs, t, false))
			good++;
		else if (errno == EAGAIN)
			again++;
		else
			die("end");
	}
	printf("committed %d, again %d\n", good, again);
	return 0;
}

/*
 * What is taken is given back when the handle is closed; libxenstore does that
 * by itself when Linux refuses a watch, so the other question has another handle.
 */
static int room(struct xs_handle *xs)
{
	struct xs_handle *other = xs_open(0);
	char token[16];
	unsigned int watches = 0, transactions = 0;

	if (!other)
		die("xs_open");
	for (; transactions < 100; transactions++)
		if (!xs_transaction_start(other))
			break;
	printf("transactions=%u (then: %s)", transactions, strerror(errno));
	for (; watches < 1000; watches++) {
		snprintf(token, sizeof(token), "r%u", watches);
		if (!xs_watch(xs, KEY, token))
			break;
	}
	printf(" watches=%u (then: %s)\n", watches, strerror(errno));
	return 0;
}

int main(int argc, char **argv)
{
	struct xs_handle *xs = xs_open(0);
	uint64_t end = now_ns() + (uint64_t)(argc > 2 ? atoi(argv[2]) : 0) * 1000000000;

	if (xs && argc == 2 && !strcmp(argv[1], "room"))
		return room(xs);
	if (!xs || argc < 3)
		die("usage: xsload write|hold|conflict SECONDS | room");
	if (!strcmp(argv[1], "write"))
		return writes(xs, end);
	if (!strcmp(argv[1], "hold"))
		return hold(xs, end);
	return conflicts(xs, end);
}
