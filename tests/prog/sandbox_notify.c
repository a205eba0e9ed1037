/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unmap notification in the sandbox, on both sides, by unmap, close, exit and
 * kill -9: the byte is cleared and the port fires.
 */
#include "tests/prog/sandbox_test.h"

static xengntshr_handle *s1;
static xengnttab_handle *t0;
static xenevtchn_handle *e0, *e1;
static int p1, p0; /* a channel between domains 1 and 0 */

struct link {
	uint32_t ref;
	int port1, port0;
	int writable;
};

static evtchn_port_t port(int p)
{
	return (evtchn_port_t)p;
}

/* Is an event pending on this handle? Takes it. */
static bool fired(xenevtchn_handle *x, int p)
{
	bool yes = next_port(x) == p;

	xenevtchn_unmask(x, port(p));
	return yes;
}

static bool quiet(xenevtchn_handle *x)
{
	return !readable_evt(x, 20);
}

static void test_granter_side(int writable)
{
	uint32_t ref;
	char *p = must(xengntshr_share_page_notify(s1, 0, &ref, writable, 100, port(p1)));
	char *q = must(xengnttab_map_grant_ref(t0, 1, ref, PROT_READ));

	ok(p && q, writable ? "share with notification" : "share read-only with notification");
	p[100] = 7;
	ok(peek(q + 100) == 7 && quiet(e0), "nothing before");
	xengntshr_unshare(s1, p, 1);
	ok(peek(q + 100) == 0, "unshare clears the byte");
	ok(fired(e0, p0), "and fires the port");
	xengnttab_unmap(t0, q, 1);
	ok(quiet(e0), "only once");
}

static void dying_granter(void *arg)
{
	struct link *l = arg;
	xengntshr_handle *s = shr_in(1);
	xenevtchn_handle *x = evt_in(1);
	char *p;

	l->port1 = xenevtchn_bind_unbound_port(x, 0);
	p = must(xengntshr_share_page_notify(s, 0, &l->ref, l->writable, 4095, port(l->port1)));
	p[4095] = 1;
}

static void test_granter_killed(struct link *l, int writable)
{
	pid_t pid;
	char *q;

	l->writable = writable;
	pid = sleeper(dying_granter, l);
	l->port0 = xenevtchn_bind_interdomain(e0, 1, port(l->port1));
	q = must(xengnttab_map_grant_ref(t0, 1, l->ref, PROT_READ));
	ok(fired(e0, l->port0) && q && peek(q + 4095) == 1, "granter process lives");
	kill9(pid);
	eventually(peek(q + 4095) == 0, writable ? "kill -9 of the granter clears the byte"
						 : "also in a page granted read-only");
	ok(fired(e0, l->port0), "and fires its port, though that died with it");
	xengnttab_unmap(t0, q, 1);
	xenevtchn_unbind(e0, port(l->port0));
}

static void test_mapper_side(void)
{
	xengnttab_handle *t = tab_in(0);
	uint32_t ref;
	char *p = must(xengntshr_share_pages(s1, 0, 1, &ref, 1));
	char *q = xengnttab_map_grant_ref_notify(t, 1, ref, PROT_READ | PROT_WRITE, 8, port(p0));

	ok(q != NULL, "map with notification");
	p[8] = 1;
	xengnttab_unmap(t, q, 1);
	ok(peek(p + 8) == 0 && fired(e1, p1), "unmap clears the byte and fires");
	if (!xengnttab_map_grant_ref_notify(t, 1, ref, PROT_READ | PROT_WRITE, 8, port(p0)))
		ok(false, "map again");
	p[8] = 1;
	xengnttab_close(t);
	eventually(peek(p + 8) == 0, "so does close");
	ok(fired(e1, p1), "with its event");
	ok(!xengnttab_map_grant_ref_notify(t0, 1, ref, PROT_READ, 8, NO_PORT) && errno == EINVAL,
	   "no byte can be cleared by a read-only mapping: EINVAL");
	ok(!xengnttab_map_grant_ref_notify(t0, 1, ref, PROT_READ, NO_OFFSET, 3999) &&
		   errno == EINVAL,
	   "a port that is not there: EINVAL");
	q = xengnttab_map_grant_ref_notify(t0, 1, ref, PROT_READ, NO_OFFSET, port(p0));
	ok(q != NULL, "but a port may be fired by it");
	xengnttab_unmap(t0, q, 1);
	ok(fired(e1, p1), "and is");
	xengntshr_unshare(s1, p, 1);
}

static void dying_mapper(void *arg)
{
	struct link *l = arg;
	xengnttab_handle *t = tab_in(0);
	xenevtchn_handle *x = evt_in(0);

	l->port0 = xenevtchn_bind_interdomain(x, 1, port(l->port1));
	if (!xengnttab_map_grant_ref_notify(t, 1, l->ref, PROT_READ | PROT_WRITE, 0,
					    port(l->port0)))
		l->port0 = -1;
}

static void test_mapper_killed(struct link *l)
{
	char *p = must(xengntshr_share_pages(s1, 0, 1, &l->ref, 1));
	pid_t pid;

	p[0] = 1;
	l->port1 = xenevtchn_bind_unbound_port(e1, 0);
	pid = sleeper(dying_mapper, l);
	ok(l->port0 > 0 && quiet(e1) && peek(p) == 1, "mapper process lives");
	kill9(pid);
	eventually(peek(p) == 0, "kill -9 of the mapper clears the byte");
	ok(fired(e1, l->port1), "and fires the port");
	l->port0 = xenevtchn_bind_interdomain(e0, 1, port(l->port1));
	ok(l->port0 > 0, "the port can be bound by its successor");
	ok(fired(e0, l->port0), "who gets an event from that");
	xenevtchn_unbind(e0, port(l->port0));
	xenevtchn_unbind(e1, port(l->port1));
	xengntshr_unshare(s1, p, 1);
}

int main(void)
{
	struct link *l = shared_memory(PAGE);

	s1 = shr_in(1);
	t0 = tab_in(0);
	e0 = evt_in(0);
	e1 = evt_in(1);
	p1 = xenevtchn_bind_unbound_port(e1, 0);
	p0 = xenevtchn_bind_interdomain(e0, 1, port(p1));
	ok(fired(e0, p0), "a channel");
	test_granter_side(1);
	test_granter_side(0);
	test_granter_killed(l, 1);
	test_granter_killed(l, 0);
	test_mapper_side();
	test_mapper_killed(l);
	return failures != 0;
}
