/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that wait for a guest, and are cut or dropped: to whom, and what was
 * burned for them before.  The link is the real one, without an accountant
 * and without grants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/net/rxframe.h"
#include "frontend/net/frame.h"

#define BEFORE 1000000000u /* ns: a second, which no test takes */

static struct bill bill = { .kind = ACCTRING_KIND_VIF };
static struct worker worker;
static struct device device;
static struct vif vif;
static struct queue queue;
static uint64_t place[(sizeof(struct frame) + FRAME_MAX) / 8 + 1];
static struct frame *const f = (struct frame *)(void *)place;

static int set_up(void **state)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;

	(void)state;
	bill.link = acctring_open(&o);
	assert_non_null(bill.link);
	pthread_mutex_init(&bill.lock, NULL);
	assert_true(bill_connect(&bill, &device.payer, 7, 0));
	meter_begin(&worker.meter, acctring_lane_open(bill.link));
	assert_non_null(worker.meter.lane);
	vif = (struct vif){ .d = &device, .sg = true };
	queue = (struct queue){ .v = &vif, .w = &worker, .tap = -1 };
	pthread_mutex_init(&queue.lock, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	acctring_lane_close(worker.meter.lane);
	acctring_close(bill.link, 0);
	bill_free(&bill);
	device.payer.total = NULL;
	pthread_mutex_destroy(&queue.lock);
	return 0;
}

static const struct sums *drops(void)
{
	return &device.payer.total->of[ACCTRING_CLASS_DROP];
}

/* A TCP packet for the guest to wait; how long each of its segments is. */
static void put_packet(uint32_t len, uint16_t size, uint64_t ns)
{
	static const uint8_t mac[6] = { 0, 0x16, 0x3e, 0, 0, 1 };
	const struct frame_how how = { .dst = mac, .src = mac, .tcp = true, .blank = true };
	struct frame *p = frame_new(len);

	assert_non_null(p);
	frame_build(p->data, len, &how, 1);
	p->ns = ns;
	p->off = (struct offload){ .blank = true, .gso = XEN_NETIF_GSO_TYPE_TCPV4, .size = size };
	queue_put(&queue, p, ACCTRING_CLASS_RX, &worker);
	frame_put(p);
}

static void begin_cut(void)
{
	struct queued k;

	assert_true(queue_peek(&queue, &k));
	assert_true(vif_must_cut(&vif, k.f));
	rx_begin_cut(&queue, &k);
	assert_int_equal(queue_waiting(&queue), 0);
}

/* It was taken from what its batch had burned: it is in a record, and once. */
static void the_first_segment_has_what_was_burned(void **state)
{
	unsigned int i;

	(void)state;
	put_packet(54 + 10 * 1000, 1000, BEFORE);
	begin_cut();
	for (i = 0; i < 10; i++) {
		assert_non_null(queue.cut.f);
		assert_int_equal(rx_cut(&queue, f)->ns, i ? 0 : BEFORE);
		assert_int_equal(rx_cut(&queue, f)->ns, i ? 0 : BEFORE); /* no buffers before */
		assert_int_equal(f->len, 1054);
		rx_end_cut(&queue);
	}
	assert_null(queue.cut.f);
	assert_int_equal(drops()->posts, 0);
}

static void a_drop_has_what_was_burned(void **state)
{
	(void)state;
	put_packet(20000, 1000, BEFORE);
	assert_true(queue_flush(&queue));
	assert_int_equal(drops()->posts, 1);
	assert_in_range(drops()->ns, BEFORE, 2 * (uint64_t)BEFORE - 1);
	assert_true(worker.meter.aside < BEFORE); /* was put aside before */
	/* half cut: the first segment has had it */
	put_packet(20000, 1000, BEFORE);
	begin_cut();
	rx_end_cut(&queue);
	assert_true(queue_flush(&queue));
	assert_null(queue.cut.f);
	assert_int_equal(drops()->posts, 2);
	assert_true(drops()->ns < 2 * (uint64_t)BEFORE);
}

static void what_cannot_be_cut_is_dropped(void **state)
{
	(void)state;
	put_packet(20000, 1, 0); /* too many */
	begin_cut();
	assert_null(queue.cut.f);
	assert_int_equal(drops()->posts, 1);
	put_packet(20000, XENBUS_PAGE, 0); /* two pages */
	begin_cut();
	assert_non_null(queue.cut.f);
	queue_flush(&queue);
	assert_int_equal(drops()->posts, 2);
	vif.sg = false;
	put_packet(20000, XENBUS_PAGE - 53, 0);
	begin_cut();
	assert_null(queue.cut.f);
	assert_int_equal(drops()->posts, 3);
	put_packet(20000, XENBUS_PAGE - 54, 0);
	begin_cut();
	assert_non_null(queue.cut.f);
	queue_flush(&queue);
	assert_int_equal(drops()->posts, 4);
	assert_int_equal(drops()->bytes, 4 * 20000);
}

static void few_wait(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < FIFO_FRAMES + 3; i++)
		put_packet(100, 10, 0);
	assert_int_equal(queue_waiting(&queue), FIFO_FRAMES);
	assert_int_equal(drops()->posts, 3);
	assert_true(queue_flush(&queue));
	assert_int_equal(queue_waiting(&queue), 0);
	assert_int_equal(drops()->posts, FIFO_FRAMES + 3);
	for (i = 0; i < 100; i++)
		put_packet(60000, 1448, 0);
	assert_int_equal(queue_waiting(&queue), FIFO_BYTES / 60000);
	assert_true(queue_flush(&queue));
	assert_int_equal(drops()->posts, FIFO_FRAMES + 103);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_segment_has_what_was_burned, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_drop_has_what_was_burned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_cut_is_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(few_wait, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
