/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pure parts of the net pair: frame assembly, the switch's table, test
 * frames and their numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/net/fdb.h"
#include "backend/net/txparse.h"
#include "common/mac.h"
#include "frontend/net/flows.h"
#include "frontend/net/frame.h"

static struct netif_tx_request slot(uint16_t size, uint16_t flags)
{
	static uint16_t id;

	id++;
	return (struct netif_tx_request){
		.gref = 50u + id, .flags = flags, .id = id, .size = size
	};
}

static struct netif_tx_request extra(uint8_t type, uint8_t flags)
{
	struct netif_extra_info e = { .type = type, .flags = flags };
	struct netif_tx_request r;

	memset(&r, 0, sizeof(r));
	memcpy(&r, &e, sizeof(e));
	return r;
}

static enum tx_fed feed(struct tx_packet *p, struct netif_tx_request r)
{
	return tx_feed(p, &r);
}

static void one_slot(void **state)
{
	struct netif_tx_request r = slot(1000, NETTXF_csum_blank);
	struct tx_packet p;

	(void)state;
	r.offset = 3096;
	tx_begin(&p);
	assert_int_equal(feed(&p, r), TX_DONE);
	assert_false(p.bad);
	assert_int_equal(p.total, 1000);
	assert_int_equal(p.parts, 1);
	assert_int_equal(p.part[0].size, 1000);
	assert_int_equal(p.part[0].ref, r.gref);
	assert_int_equal(p.id[0], r.id);
	assert_int_equal(p.flags, NETTXF_csum_blank);
	/* over the end of its page */
	r.offset = 3097;
	tx_begin(&p);
	assert_int_equal(feed(&p, r), TX_DONE);
	assert_true(p.bad);
	r.offset = 0xffff;
	r.size = 0xffff;
	tx_begin(&p);
	assert_int_equal(feed(&p, r), TX_DONE);
	assert_true(p.bad);
	/* no Ethernet header */
	tx_begin(&p);
	assert_int_equal(feed(&p, slot(13, 0)), TX_DONE);
	assert_true(p.bad);
}

static void many_slots(void **state)
{
	struct tx_packet p;
	unsigned int i;

	(void)state;
	tx_begin(&p);
	assert_int_equal(feed(&p, slot(18 * 3000, NETTXF_more_data)), TX_MORE);
	for (i = 1; i < 17; i++)
		assert_int_equal(feed(&p, slot(3000, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(3000, 0)), TX_DONE);
	assert_false(p.bad);
	assert_int_equal(p.parts, 18);
	assert_int_equal(p.ids, 18);
	assert_int_equal(p.part[0].size, 3000);
	/* 19: all are answered, the frame is not served */
	tx_begin(&p);
	assert_int_equal(feed(&p, slot(19 * 1000, NETTXF_more_data)), TX_MORE);
	for (i = 1; i < 18; i++)
		assert_int_equal(feed(&p, slot(1000, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(1000, 0)), TX_DONE);
	assert_true(p.bad);
	assert_int_equal(p.ids, 19);
	/* no end: the ring is broken */
	tx_begin(&p);
	for (i = 0; i < TX_IDS; i++)
		assert_int_equal(feed(&p, slot(100, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(100, NETTXF_more_data)), TX_BROKEN);
}

static void sizes_that_lie(void **state)
{
	struct tx_packet p;

	(void)state;
	tx_begin(&p); /* the parts are all of it: nothing is left for the first slot */
	assert_int_equal(feed(&p, slot(1000, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(1000, 0)), TX_DONE);
	assert_true(p.bad);
	tx_begin(&p); /* and more than all */
	assert_int_equal(feed(&p, slot(100, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(0xffff, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(0xffff, 0)), TX_DONE);
	assert_true(p.bad);
	tx_begin(&p); /* the first slot would be larger than a page */
	assert_int_equal(feed(&p, slot(5000, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(100, 0)), TX_DONE);
	assert_true(p.bad);
}

static void extras(void **state)
{
	struct tx_packet p;
	unsigned int i;

	(void)state;
	tx_begin(&p);
	assert_int_equal(feed(&p, slot(3000, NETTXF_extra_info | NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, extra(XEN_NETIF_EXTRA_TYPE_HASH, 0)), TX_MORE);
	assert_int_equal(feed(&p, slot(1000, 0)), TX_DONE);
	assert_false(p.bad);
	assert_int_equal(p.extras, 1);
	assert_int_equal(p.ids, 2);
	assert_int_equal(p.part[0].size, 2000);
	tx_begin(&p); /* asks for segments of nothing */
	assert_int_equal(feed(&p, slot(3000, NETTXF_extra_info)), TX_MORE);
	assert_int_equal(feed(&p, extra(XEN_NETIF_EXTRA_TYPE_GSO, 0)), TX_DONE);
	assert_true(p.bad);
	tx_begin(&p); /* for filters, which are not offered */
	assert_int_equal(feed(&p, slot(3000, NETTXF_extra_info)), TX_MORE);
	assert_int_equal(feed(&p, extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0)), TX_DONE);
	assert_true(p.bad);
	tx_begin(&p);
	assert_int_equal(feed(&p, slot(100, NETTXF_extra_info)), TX_MORE);
	assert_int_equal(feed(&p, extra(XEN_NETIF_EXTRA_TYPE_NONE, 0)), TX_BROKEN);
	tx_begin(&p);
	assert_int_equal(feed(&p, slot(100, NETTXF_extra_info)), TX_MORE);
	assert_int_equal(feed(&p, extra(XEN_NETIF_EXTRA_TYPE_MAX, 0)), TX_BROKEN);
	tx_begin(&p); /* more and more of them */
	assert_int_equal(feed(&p, slot(100, NETTXF_extra_info)), TX_MORE);
	for (i = 0; i < 4; i++)
		assert_int_equal(feed(&p, extra(4, XEN_NETIF_EXTRA_FLAG_MORE)), TX_MORE);
	assert_int_equal(feed(&p, extra(4, XEN_NETIF_EXTRA_FLAG_MORE)), TX_BROKEN);
	tx_begin(&p); /* in a later slot */
	assert_int_equal(feed(&p, slot(1000, NETTXF_more_data)), TX_MORE);
	assert_int_equal(feed(&p, slot(100, NETTXF_extra_info)), TX_BROKEN);
}

static void segmentation_asked(void **state)
{
	struct netif_extra_info e = { .type = XEN_NETIF_EXTRA_TYPE_GSO };
	struct netif_tx_request r;
	struct tx_packet p;
	unsigned int type;

	(void)state;
	for (type = 0; type < 4; type++) {
		e.u.gso.type = (uint8_t)type;
		e.u.gso.size = 1448;
		memset(&r, 0, sizeof(r));
		memcpy(&r, &e, sizeof(e));
		tx_begin(&p);
		assert_int_equal(feed(&p, slot(3000, NETTXF_extra_info)), TX_MORE);
		assert_int_equal(feed(&p, r), TX_DONE);
		assert_int_equal(p.bad, type != 1 && type != 2);
		assert_int_equal(p.gso_size, 1448);
	}
}

static const uint8_t *mac(unsigned int n)
{
	static uint8_t m[6];

	m[0] = 0x02;
	m[4] = (uint8_t)(n >> 8);
	m[5] = (uint8_t)n;
	return m;
}

static void table_learns(void **state)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	struct fdb_port a, b;
	struct fdb *t = calloc(1, sizeof(*t));

	(void)state;
	assert_non_null(t);
	fdb_port_init(&a, NULL);
	fdb_port_init(&b, NULL);
	assert_null(fdb_find(t, mac(1)));
	fdb_learn(t, &a, mac(1));
	assert_ptr_equal(fdb_find(t, mac(1)), &a);
	fdb_learn(t, &b, mac(1)); /* it moves */
	assert_ptr_equal(fdb_find(t, mac(1)), &b);
	assert_int_equal(a.learned, 0);
	fdb_learn(t, &a, group);
	assert_null(fdb_find(t, group));
	/* what the toolstack gave cannot be taken by who says so */
	assert_true(fdb_give(t, &a, mac(2)));
	fdb_learn(t, &b, mac(2));
	assert_ptr_equal(fdb_find(t, mac(2)), &a);
	assert_false(fdb_give(t, &b, mac(2)));
	assert_false(fdb_give(t, &b, group));
	assert_true(fdb_give(t, &a, mac(1))); /* was only learned */
	assert_ptr_equal(fdb_find(t, mac(1)), &a);
	fdb_forget(t, &a);
	assert_null(fdb_find(t, mac(1)));
	assert_null(fdb_find(t, mac(2)));
	fdb_forget(t, &b);
	free(t);
}

static void table_is_bounded(void **state)
{
	struct fdb *t = calloc(1, sizeof(*t));
	struct fdb_port a, b;
	unsigned int i, known = 0;

	(void)state;
	assert_non_null(t);
	fdb_port_init(&a, NULL);
	fdb_port_init(&b, NULL);
	assert_true(fdb_give(t, &a, mac(60000)));
	fdb_learn(t, &b, mac(50000));
	for (i = 0; i < 10000; i++)
		fdb_learn(t, &a, mac(i));
	assert_int_equal(a.learned, FDB_LEARNED);
	for (i = 0; i < 10000; i++)
		known += fdb_find(t, mac(i)) != NULL;
	assert_int_equal(known, FDB_LEARNED);
	assert_ptr_equal(fdb_find(t, mac(9999)), &a);
	assert_ptr_equal(fdb_find(t, mac(60000)), &a);
	assert_ptr_equal(fdb_find(t, mac(50000)), &b);
	fdb_forget(t, &a);
	fdb_forget(t, &b);
	for (i = 0; i < FDB_BUCKETS; i++)
		assert_null(t->bucket[i]);
	free(t);
}

static void table_learns_now_and_then(void **state)
{
	struct fdb_port a, b;

	(void)state;
	fdb_port_init(&a, NULL);
	fdb_port_init(&b, NULL);
	assert_true(fdb_may_teach(&a, 1000));
	assert_false(fdb_may_teach(&a, 1000));
	assert_false(fdb_may_teach(&a, 1000 + FDB_PAUSE - 1));
	assert_true(fdb_may_teach(&b, 1001)); /* each port for itself */
	assert_true(fdb_may_teach(&a, 1000 + FDB_PAUSE));
	assert_false(fdb_may_teach(&a, 1001 + FDB_PAUSE));
	fdb_port_init(&a, NULL); /* another connection */
	assert_true(fdb_may_teach(&a, 1001 + FDB_PAUSE));
}

static const uint8_t here[6] = { 0, 0x16, 0x3e, 0, 0, 1 }, there[6] = { 0, 0x16, 0x3e, 0, 0, 2 };

static struct frame_how to_there(bool tcp, bool ipv6, bool blank)
{
	return (struct frame_how){
		.dst = there, .src = here, .tcp = tcp, .ipv6 = ipv6, .blank = blank
	};
}

static void test_frames(void **state)
{
	const struct frame_how how = to_there(false, false, false);
	struct frame_is is;
	uint8_t f[100];

	(void)state;
	frame_build(f, 100, &how, 42);
	assert_int_equal(frame_check(f, 100, false, &is), FRAME_TEST);
	assert_int_equal(is.number, 42);
	f[99] ^= 1;
	assert_int_equal(frame_check(f, 100, false, &is), FRAME_BAD);
	assert_int_equal(frame_check(f, 100, true, &is), FRAME_BAD);
	f[99] ^= 1;
	assert_int_equal(frame_check(f, 99, false, &is), FRAME_BAD);
	frame_hello(f, here);
	assert_int_equal(frame_check(f, FRAME_HELLO, false, &is), FRAME_OTHER);
}

static void stream_pieces(void **state)
{
	struct flows f = { .n = 0 };
	uint8_t a[FRAME_KEY] = { 1 };

	(void)state;
	flows_stream(&f, a, 0xffffffff, 10); /* it wraps */
	flows_stream(&f, a, 9, 100);
	assert_int_equal(f.lost, 0);
	flows_stream(&f, a, 200, 10);
	assert_int_equal(f.lost, 1);
	flows_stream(&f, a, 109, 50);
	assert_int_equal(f.late, 1);
	flows_stream(&f, a, 210, 10);
	flows_stream(&f, a, 0, 10); /* began anew */
	flows_stream(&f, a, 10, 10);
	assert_int_equal(f.lost, 1);
	assert_int_equal(f.n, 1);
}

static void flow_numbers(void **state)
{
	struct flows f = { .n = 0 };
	uint8_t a[FRAME_KEY] = { 1 }, b[FRAME_KEY] = { 2 };

	(void)state;
	flows_see(&f, a, 10);
	flows_see(&f, a, 11);
	assert_int_equal(f.lost, 0);
	flows_see(&f, a, 15);
	assert_int_equal(f.lost, 3);
	flows_see(&f, b, 0);
	flows_see(&f, b, 1);
	assert_int_equal(f.lost, 3);
	flows_see(&f, a, 12);
	assert_int_equal(f.late, 1);
	flows_see(&f, a, 16);
	assert_int_equal(f.lost, 3);
	flows_see(&f, a, 0); /* began anew */
	flows_see(&f, a, 1);
	assert_int_equal(f.lost, 3);
	assert_int_equal(f.n, 2);
}

static void addresses(void **state)
{
	static const uint8_t want[6] = { 0x00, 0x16, 0x3e, 0xab, 0x0f, 0xff };
	uint8_t mac[6] = { 1, 2, 3, 4, 5, 6 }, was[6];

	(void)state;
	memcpy(was, mac, 6);
	assert_false(mac_parse("", mac));
	assert_false(mac_parse("00:16:3e:ab:0f", mac));
	assert_false(mac_parse("00:16:3e:ab:0f:fg", mac));
	assert_false(mac_parse("00:16:3e:ab:0f:ff:00", mac));
	assert_false(mac_parse("00-16-3e-ab-0f-ff", mac));
	assert_memory_equal(mac, was, 6);
	assert_true(mac_parse("00:16:3e:ab:0F:ff", mac));
	assert_memory_equal(mac, want, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(one_slot),
		cmocka_unit_test(many_slots),
		cmocka_unit_test(sizes_that_lie),
		cmocka_unit_test(extras),
		cmocka_unit_test(segmentation_asked),
		cmocka_unit_test(table_learns),
		cmocka_unit_test(table_is_bounded),
		cmocka_unit_test(table_learns_now_and_then),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(flow_numbers),
		cmocka_unit_test(stream_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
