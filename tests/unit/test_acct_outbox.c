/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two who both write before they read do not wait for each other. */
#include "accountant/outbox.h"

#include "accountant/hold.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINKS 1000u

static struct outbox box;
static int pair[2];

static int setup(void **ctx)
{
	(void)ctx;
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
}

static int teardown(void **ctx)
{
	(void)ctx;
	outbox_free(&box);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void nobody_reads_for_a_while(void **ctx)
{
	struct hold_msg m = { .type = HOLD };
	unsigned int got = 0;

	(void)ctx;
	alarm(10); /* blocked for ever, without the box */
	for (uint32_t i = 0; i < LINKS; i++) {
		m.id.ref = i;
		assert_true(outbox_send(&box, pair[0], &m, hold_size(&m)));
	}
	assert_non_null(box.first);
	while (got < LINKS) {
		ssize_t n = recv(pair[1], &m, sizeof(m), MSG_DONTWAIT);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(outbox_flush(&box, pair[0]));
			continue;
		}
		assert_true(hold_whole(&m, n));
		assert_int_equal(m.id.ref, got++);
	}
	assert_null(box.first);
	alarm(0);
}

static void short_ones(void **ctx)
{
	struct hold_msg m = { .type = HELD };

	(void)ctx;
	assert_true(hold_size(&m) < 100);
	assert_true(hold_whole(&m, (ssize_t)hold_size(&m)));
	assert_false(hold_whole(&m, sizeof(m)));
	assert_false(hold_whole(&m, -1));
	assert_false(hold_whole(&m, 3));
	m.type = HOLD;
	assert_int_equal(hold_size(&m), sizeof(m));
	assert_false(hold_whole(&m, 64));
}

static void reader_gone(void **ctx)
{
	char c = 0;

	(void)ctx;
	close(pair[1]);
	pair[1] = -1;
	assert_false(outbox_send(&box, pair[0], &c, 1));
	assert_int_equal(errno, EPIPE);
	assert_null(box.first);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_reads_for_a_while),
		TEST(short_ones),
		TEST(reader_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
