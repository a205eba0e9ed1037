/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What guests leave to others: checksums, segmentation, and how virtio-net
 * says it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/net/csum.h"
#include "backend/net/gso.h"
#include "backend/net/vnet.h"
#include "common/xenbus_ring.h"
#include "frontend/net/frame.h"
#include <xen/io/netif.h>

static const uint8_t here[6] = { 0, 0x16, 0x3e, 0, 0, 1 }, there[6] = { 0, 0x16, 0x3e, 0, 0, 2 };

static struct frame_how to_there(bool tcp, bool ipv6, bool blank)
{
	return (struct frame_how){
		.dst = there, .src = here, .tcp = tcp, .ipv6 = ipv6, .blank = blank
	};
}

/* The backend's checksum and the frontend's are written apart and must agree. */
static void checksums(void **state)
{
	static uint8_t f[3000], g[3000];
	struct frame_is is;
	unsigned int kind;
	size_t len;

	(void)state;
	for (kind = 0; kind < 4; kind++)
		for (len = FRAME_MIN6; len < 3000; len += 61) {
			struct frame_how how = to_there(kind & 1, kind & 2, true);

			frame_build(f, len, &how, len);
			assert_true(frame_check(f, len, true, &is) <= FRAME_STREAM);
			assert_int_equal(frame_check(f, len, false, &is), FRAME_BAD);
			assert_true(csum_fill(f, len));
			assert_int_equal(frame_check(f, len, false, &is),
					 kind & 1 ? FRAME_STREAM : FRAME_TEST);
			assert_int_equal(is.number, len);
			how.blank = false;
			frame_build(g, len, &how, len);
			assert_memory_equal(f, g, len);
			assert_int_equal(csum_is_ipv6(f, len), (kind & 2) != 0);
		}
}

static void no_checksum_of_ours(void **state)
{
	const struct frame_how how = to_there(false, false, true);
	static uint8_t f[200];
	size_t len;

	(void)state;
	frame_build(f, 200, &how, 1);
	assert_false(csum_fill(f, 100)); /* cut */
	f[14 + 6] = 0x20; /* a fragment */
	assert_false(csum_fill(f, 200));
	f[14 + 6] = 0;
	assert_false(csum_fill_at(f, 200, 34, 199));
	assert_false(csum_fill_at(f, 200, 201, 203));
	assert_false(csum_fill_at(f, 200, 40, 34));
	frame_hello(f, here);
	assert_false(csum_fill(f, FRAME_HELLO));
	for (len = 0; len < FRAME_HELLO; len++)
		assert_false(csum_fill(f, len));
	f[12] = 0x86;
	f[13] = 0xdd;
	assert_true(csum_is_ipv6(f, FRAME_HELLO));
}

/* Where a frame has a tag, and an option header of IPv6. */
static void transport_behind_others(void **state)
{
	const struct frame_how how = to_there(true, true, true);
	static uint8_t f[300], g[312];
	struct transport t;

	(void)state;
	frame_build(f, 300, &how, 7);
	memcpy(g, f, 12); /* addresses, tag, IPv6, 8 bytes of options, TCP */
	g[12] = 0x81;
	memcpy(g + 16, f + 12, 2 + 40);
	memcpy(g + 16 + 2 + 40 + 8, f + 54, 300 - 54);
	g[18 + 6] = 0; /* hop by hop */
	g[18 + 40] = 6;
	g[18 + 5] = (uint8_t)(g[18 + 5] + 8); /* no carry */
	assert_true(transport_find(g, 312, &t));
	assert_int_equal(t.ip, 18);
	assert_int_equal(t.from, 18 + 48);
	assert_int_equal(t.to, 312);
	assert_int_equal(t.proto, PROTO_TCP);
	assert_true(t.ipv6);
	g[18 + 41] = 255; /* it ends behind the frame */
	assert_false(transport_find(g, 312, &t));
}

/* ---- segmentation ---- */

static void set_flags(uint8_t *f, const struct transport *t, uint8_t flags)
{
	f[t->from + 13] = flags;
	csum_blank(f, t);
}

static void check_segments(bool ipv6, size_t len, uint16_t mss, bool fill)
{
	static uint8_t f[65536], s[65536];
	const struct frame_how how = to_there(true, ipv6, true);
	const struct offload o = { .blank = true,
				   .gso = ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
					       : XEN_NETIF_GSO_TYPE_TCPV4,
				   .size = mss };
	size_t head, all = 0, n = frame_data(len, &how);
	unsigned int i, want = (unsigned int)((n + mss - 1) / mss);
	uint32_t next = 0xffffff00u; /* it wraps */
	struct transport t;
	struct frame_is is;

	frame_build(f, len, &how, next);
	assert_true(transport_find(f, len, &t));
	set_flags(f, &t, 0x99); /* CWR, ACK, PSH, FIN */
	assert_int_equal(gso_segments(f, len, &o, &head), want);
	assert_int_equal(head, len - n);
	for (i = 0; i < want; i++) {
		size_t l = gso_segment(f, len, &o, head, i, s, fill);

		assert_true(l <= head + mss);
		assert_int_equal(s[t.from + 13] & 0x80, i ? 0 : 0x80);
		assert_int_equal(s[t.from + 13] & 0x09, i + 1 < want ? 0 : 0x09);
		assert_int_equal(frame_check(s, l, !fill, &is), FRAME_STREAM);
		if (!fill) {
			assert_int_equal(frame_check(s, l, false, &is), FRAME_BAD);
			assert_true(csum_fill(s, l));
			assert_int_equal(frame_check(s, l, false, &is), FRAME_STREAM);
		}
		if (!ipv6)
			assert_int_equal(get16(s + 18), i & 0xffff);
		assert_int_equal((uint32_t)is.number, next);
		next += (uint32_t)is.data;
		all += is.data;
	}
	assert_int_equal(all, n);
}

static void segments(void **state)
{
	unsigned int ipv6;

	(void)state;
	for (ipv6 = 0; ipv6 < 2; ipv6++) {
		check_segments(ipv6, 65535, 1448, true);
		check_segments(ipv6, 65535, 1448, false);
		check_segments(ipv6, 65535, 65000, true);
		check_segments(ipv6, 65535, 64, true); /* the most */
		check_segments(ipv6, 1000, 5000, true); /* one only */
	}
}

static void segments_are_few_or_large(void **state)
{
	static uint8_t f[65536];
	struct frame_how how = to_there(true, false, true);
	struct offload o = { .blank = true, .gso = XEN_NETIF_GSO_TYPE_TCPV4 };
	size_t head;

	(void)state;
	frame_build(f, 65535, &how, 1);
	o.size = GSO_SIZE - 1;
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
	o.size = GSO_SIZE;
	assert_in_range(gso_segments(f, 65535, &o, &head), GSO_SEGMENTS + 1, 1024);
	assert_int_equal(gso_longest(65535, &o, head), 54 + GSO_SIZE);
	/* with its headers no IP packet is so large; 65535 means something else to Linux */
	o.size = 65535;
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
	o.size = 65535 - 40;
	assert_int_equal(gso_segments(f, 65535, &o, &head), 1);
	o.size = 65535 - 39;
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
	/* a small frame of small segments */
	frame_build(f, 54 + GSO_SEGMENTS, &how, 1);
	o.size = 1;
	assert_int_equal(gso_segments(f, 54 + GSO_SEGMENTS, &o, &head), GSO_SEGMENTS);
	frame_build(f, 55 + GSO_SEGMENTS, &how, 1);
	assert_int_equal(gso_segments(f, 55 + GSO_SEGMENTS, &o, &head), 0);
	o.size = 5000;
	assert_int_equal(gso_longest(55 + GSO_SEGMENTS, &o, 54), 55 + GSO_SEGMENTS);
}

/* What each segment would have again. */
static void headers_are_small(void **state)
{
	static uint8_t f[2000], g[4000];
	const struct frame_how how = to_there(true, true, true);
	const struct offload o = { .blank = true, .gso = XEN_NETIF_GSO_TYPE_TCPV6, .size = 100 };
	struct transport t;
	size_t options, head, len;

	(void)state;
	frame_build(f, 1000, &how, 7);
	for (options = 8; options <= 2048; options += 8) {
		len = 1000 + options;
		memcpy(g, f, 54);
		memset(g + 54, 0, options);
		memcpy(g + 54 + options, f + 54, 1000 - 54);
		g[14 + 6] = 0; /* hop by hop */
		g[54] = 6;
		g[55] = (uint8_t)(options / 8 - 1);
		put16(g + 18, (unsigned int)(len - 54));
		assert_true(transport_find(g, len, &t));
		if (74 + options <= GSO_HEAD) {
			assert_int_equal(gso_segments(g, len, &o, &head), 10);
			assert_int_equal(head, 74 + options);
		} else {
			assert_int_equal(gso_segments(g, len, &o, &head), 0);
		}
	}
}

static void no_segments(void **state)
{
	static uint8_t f[65536];
	struct frame_how how = to_there(true, false, true);
	struct offload o = { .blank = true, .gso = XEN_NETIF_GSO_TYPE_TCPV4, .size = 1448 };
	size_t head;

	(void)state;
	frame_build(f, 65535, &how, 1);
	o.size = 0;
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
	o.size = 1448;
	o.gso = XEN_NETIF_GSO_TYPE_TCPV6; /* it is none */
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
	o.gso = XEN_NETIF_GSO_TYPE_NONE;
	assert_int_equal(gso_segments(f, 65535, &o, &head), 1);
	o.gso = XEN_NETIF_GSO_TYPE_TCPV4;
	f[34 + 12] = 4 << 4; /* a header that is too short, or too long */
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
	frame_build(f, 80, &how, 1);
	f[34 + 12] = 15 << 4;
	assert_int_equal(gso_segments(f, 80, &o, &head), 0);
	how.tcp = false;
	frame_build(f, 65535, &how, 1);
	assert_int_equal(gso_segments(f, 65535, &o, &head), 0);
}

/* ---- virtio-net headers ---- */

static void vnet_there_and_back(void **state)
{
	static uint8_t f[65536];
	struct virtio_net_hdr h;
	struct offload o, p;
	unsigned int kind, gso;

	(void)state;
	for (kind = 0; kind < 4; kind++)
		for (gso = 0; gso < 2; gso++) {
			const struct frame_how how = to_there(kind & 1, kind & 2, true);

			if (gso && !(kind & 1))
				continue;
			o = (struct offload){ .blank = true,
					      .valid = true,
					      .gso = !gso	? 0
						     : kind & 2 ? XEN_NETIF_GSO_TYPE_TCPV6
								: XEN_NETIF_GSO_TYPE_TCPV4,
					      .size = gso ? 1400 : 0 };
			frame_build(f, 60000, &how, 1);
			assert_true(vnet_header(f, 60000, &o, &h));
			assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(h.csum_start, kind & 2 ? 54 : 34);
			assert_int_equal(h.csum_offset, kind & 1 ? 16 : 6);
			assert_int_equal(h.gso_type, !gso	? VIRTIO_NET_HDR_GSO_NONE
						     : kind & 2 ? VIRTIO_NET_HDR_GSO_TCPV6
								: VIRTIO_NET_HDR_GSO_TCPV4);
			assert_int_equal(h.hdr_len, gso ? (kind & 2 ? 74 : 54) : 0);
			assert_true(vnet_offload(&h, f, 60000, &p));
			assert_int_equal(p.blank, true);
			assert_int_equal(p.gso, o.gso);
			assert_int_equal(p.size, o.size);
		}
	/* nothing is left to others */
	o = (struct offload){ .valid = true };
	assert_true(vnet_header(f, 60000, &o, &h));
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_true(vnet_offload(&h, f, 60000, &p));
	assert_true(p.valid && !p.blank && !p.gso);
	memset(&h, 0, sizeof(h));
	assert_true(vnet_offload(&h, f, 60000, &p));
	assert_true(!p.valid && !p.blank && !p.gso);
}

static void vnet_odd(void **state)
{
	static uint8_t f[200];
	struct frame_how how = to_there(false, false, true);
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	struct offload o = { .blank = true };
	struct frame_is is;

	(void)state;
	/* what is no TCP or UDP has no checksum to be left blank */
	frame_hello(f, here);
	assert_false(vnet_header(f, FRAME_HELLO, &o, &h));
	/* a place that netif cannot tell, and that is no place at all */
	frame_build(f, 200, &how, 1);
	f[14 + 9] = 99; /* not UDP any more, with the same checksum */
	h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				     .csum_start = 34,
				     .csum_offset = 6 };
	assert_true(vnet_offload(&h, f, 200, &o));
	assert_false(o.blank);
	f[14 + 9] = 17;
	assert_int_equal(frame_check(f, 200, false, &is), FRAME_TEST);
	f[14 + 9] = 99;
	h.csum_start = 199;
	assert_false(vnet_offload(&h, f, 200, &o));
	/* segmentation that nobody asked for */
	h = (struct virtio_net_hdr){ .gso_type = VIRTIO_NET_HDR_GSO_UDP };
	assert_false(vnet_offload(&h, f, 200, &o));
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	assert_false(vnet_offload(&h, f, 200, &o));
}

static void random_frames_are_safe(void **state)
{
	unsigned int seed = 1, i, k;

	(void)state;
	for (i = 0; i < 200000; i++) {
		size_t len = 18 + (size_t)rand_r(&seed) % 120;
		uint8_t *f = malloc(len); /* so that ASan sees each byte too far */
		struct offload o = { .blank = true, .gso = 1 + (i & 1), .size = 7 };
		struct virtio_net_hdr h;
		struct frame_is is;

		assert_non_null(f);
		for (k = 0; k < len; k++)
			f[k] = (uint8_t)rand_r(&seed);
		if (len > 23 && (i & 1)) {
			f[12] = 8;
			f[13] = 0;
			f[14] = (uint8_t)(0x40 | (f[14] & 15));
			f[20] = f[21] = 0;
			f[23] = i & 2 ? 6 : 17;
			f[16] = 0;
		}
		if (vnet_header(f, len, &o, &h))
			vnet_offload(&h, f, len, &o);
		memset(&h, f[0], sizeof(h));
		vnet_offload(&h, f, len, &o);
		csum_fill(f, len);
		frame_check(f, len, false, &is);
		free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums),
		cmocka_unit_test(no_checksum_of_ours),
		cmocka_unit_test(transport_behind_others),
		cmocka_unit_test(segments),
		cmocka_unit_test(segments_are_few_or_large),
		cmocka_unit_test(headers_are_small),
		cmocka_unit_test(no_segments),
		cmocka_unit_test(vnet_there_and_back),
		cmocka_unit_test(vnet_odd),
		cmocka_unit_test(random_frames_are_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
