/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backend's devices on a store that refuses watches and closes the handle
 * for it, as Linux and libxenstore do; that fails; that is lost and comes back.
 */
#include "tests/unit/test_store.h"

#include <unistd.h>

#include "backend/device.h"
#include "common/clock.h"
#include "common/log.h"

#define ROOT "/local/domain/1/backend/abd"

/* ------------------------------------------------------------------ */
/* A backend                                                           */

static unsigned int connected, disconnected;

static int offer(struct device *d)
{
	(void)d;
	return 0;
}

static int connect_it(struct device *d)
{
	(void)d;
	connected++;
	return 0;
}

static bool disconnect(struct device *d)
{
	(void)d;
	disconnected++;
	return true;
}

static void release(struct device *d)
{
	(void)d;
}

static const struct backend_ops ops = {
	.program = "test",
	.kind = "abd",
	.offer = offer,
	.connect = connect_it,
	.disconnect = disconnect,
	.release = release,
};

static struct backend b;

static const char *back(unsigned int domid, const char *leaf)
{
	static char path[96];

	snprintf(path, sizeof(path), ROOT "/%u/51712/%s", domid, leaf);
	return path;
}

static const char *front(unsigned int domid, const char *leaf)
{
	static char path[96];

	snprintf(path, sizeof(path), "/local/domain/%u/device/vbd/51712%s", domid, leaf);
	return path;
}

/* What the toolstack and a guest write. */
static void plug(unsigned int domid)
{
	char id[8];

	snprintf(id, sizeof(id), "%u", domid);
	put(back(domid, "frontend"), front(domid, ""));
	put(back(domid, "frontend-id"), id);
	put(back(domid, "online"), "1");
	put(front(domid, "/state"), "1");
	put(back(domid, "state"), "1");
}

static bool is(const char *path, const char *value)
{
	return !strcmp(value_at(path), value);
}

static void turns(unsigned int n)
{
	for (; n; n--) {
		b.look_at = b.watch_at = 0; /* as if a second had passed */
		store_settle();
		devices_events(&b);
		devices_turn(&b);
	}
}

/* Turns until it stands there; a test that fails takes 5 s for it. */
static bool soon(const char *path, const char *value)
{
	uint64_t until = now_ms() + 5000;

	while (!is(path, value)) {
		if (now_ms() > until)
			return false;
		turns(1);
		usleep(1000);
	}
	return true;
}

static void begin(unsigned int quota)
{
	memset(&b, 0, sizeof(b));
	memset(&store, 0, sizeof(store));
	store.quota = quota;
	connected = disconnected = 0;
	b.ops = &ops;
	b.kind = "abd";
	b.domid = 1;
	snprintf(b.root, sizeof(b.root), ROOT);
	LIST_INIT(&b.devices);
	b.xsh = xs_open(0);
	assert_true(devices_watch(&b));
}

static void connect_guests(unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i <= to; i++) {
		plug(i);
		assert_true(soon(back(i, "state"), "2"));
		put(front(i, "/state"), "3");
		assert_true(soon(back(i, "state"), "4"));
	}
}

static void end(void)
{
	while (!devices_close(&b))
		usleep(5000);
	xs_close(b.xsh);
	store_forget();
}

/* The fourth of four frontends finds no watch left: nobody is disconnected for it. */
static void a_watch_is_refused(void **state)
{
	(void)state;
	begin(4);
	connect_guests(2, 4);
	assert_int_equal(store.watches, 4);
	assert_int_equal(store.opened, 1);
	connect_guests(5, 6); /* these are looked at */
	assert_int_equal(store.opened, 2); /* one refusal, one handle */
	assert_int_equal(store.watches, 4);
	assert_int_equal(connected, 5);
	assert_int_equal(disconnected, 0);
	/* those that had a watch have it, and all of them are served */
	put(front(3, "/state"), "6");
	turns(2);
	assert_true(is(back(3, "state"), "6"));
	put(front(6, "/state"), "6");
	assert_true(soon(back(6, "state"), "6"));
	assert_int_equal(disconnected, 2);
	/* one that leaves makes room for one that was looked at */
	put(back(2, "online"), "0");
	put(front(2, "/state"), "6");
	assert_true(soon(back(2, "state"), "6"));
	while (node_at(back(2, "state")) < NODES)
		turns(1);
	turns(2);
	assert_int_equal(store.watches, 4);
	assert_int_equal(store.opened, 2);
	/* now and then it tries whether there is more room */
	b.room_until = 0;
	turns(1);
	assert_int_equal(store.opened, 3);
	turns(2);
	assert_int_equal(store.watches, 4);
	assert_int_equal(store.opened, 3);
	store.quota = 9;
	b.room_until = 0;
	turns(2);
	assert_int_equal(store.watches, 5);
	assert_int_equal(disconnected, 3);
	end();
}

/* Not even what there was fits any more: other processes have taken the rest. */
static void watches_are_taken(void **state)
{
	(void)state;
	begin(3);
	connect_guests(2, 3);
	store.quota = 2;
	connect_guests(4, 4);
	turns(2);
	assert_int_equal(store.watches, 2); /* the root and one of three */
	assert_int_equal(disconnected, 0);
	store.quota = 0;
	connect_guests(5, 5);
	put(front(3, "/state"), "6");
	assert_true(soon(back(3, "state"), "6"));
	assert_int_equal(disconnected, 1);
	end();
}

static void none_from_the_first(void **state)
{
	(void)state;
	begin(0);
	connect_guests(2, 3);
	assert_int_equal(store.watches, 0);
	assert_int_equal(disconnected, 0);
	end();
}

/* An error says nothing about the device. */
static void reading_fails(void **state)
{
	(void)state;
	begin(9);
	connect_guests(2, 3);
	store.failing = EIO;
	put(front(2, "/state"), "4"); /* fires: it is looked at */
	put(back(3, "state"), "4");
	turns(3);
	assert_int_equal(disconnected, 0);
	store.failing = EAGAIN;
	turns(3);
	assert_int_equal(disconnected, 0);
	store.failing = 0;
	put(front(2, "/state"), "6");
	assert_true(soon(back(2, "state"), "6"));
	assert_true(is(back(3, "state"), "4"));
	assert_int_equal(disconnected, 1);
	/* but one that is removed is gone */
	assert_true(xs_rm(b.xsh, XBT_NULL, ROOT "/3/51712"));
	turns(3);
	assert_int_equal(disconnected, 2);
	end();
}

static void the_store_is_lost(void **state)
{
	struct xs_handle *h;

	(void)state;
	begin(9);
	connect_guests(2, 3);
	h = b.xsh;
	store.down = h->dead = true;
	turns(3);
	assert_ptr_equal(b.xsh, h); /* no other, but it is not given up */
	assert_int_equal(disconnected, 0);
	store.down = false;
	put(front(2, "/state"), "6");
	plug(4);
	assert_true(soon(back(2, "state"), "6"));
	assert_true(soon(back(4, "state"), "2"));
	turns(2);
	assert_int_equal(disconnected, 1);
	assert_int_equal(store.watches, 4);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_is_refused),  cmocka_unit_test(watches_are_taken),
		cmocka_unit_test(none_from_the_first), cmocka_unit_test(reading_fails),
		cmocka_unit_test(the_store_is_lost),
	};

	log_init("test", false, false);
	return cmocka_run_group_tests_name("device_watch", tests, NULL, NULL);
}
