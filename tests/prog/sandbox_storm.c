/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes of three domains share, map, notify and are killed at random moments.
 * Nobody may die of anything but our SIGKILL, a mapped page must keep the bytes
 * that its granter put there, and in the end nothing may be left: all references
 * and ports are free. The seed is printed; give it as the argument to run it again
 * (the moments differ).
 */
#include "tests/prog/sandbox_test.h"

#define WORKERS 6
#define KILLS 200
#define BOARD 64

/* What was shared lately: a note, not the truth; it may be gone by now. */
struct note {
	uint32_t from, to, ref, port, tag;
};

static struct note *board;
static unsigned int seed;

static unsigned int draw(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static uint32_t load(uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

struct party {
	uint32_t domid;
	xengntshr_handle *shr;
	xengnttab_handle *tab;
	xenevtchn_handle *evt;
	void *mine[16];
	void *theirs[16];
	int port[16];
};

/* The first word of each page says who granted it to whom: it never changes. */
static uint32_t mark(uint32_t from, uint32_t to)
{
	return 0xacc70000u | from << 8 | to;
}

static void share_one(struct party *p, unsigned int i)
{
	struct note *n = &board[draw(BOARD)];
	uint32_t ref, to = 1 + draw(3);
	uint32_t *page;

	if (p->mine[i]) {
		xengntshr_unshare(p->shr, p->mine[i], 1);
		p->mine[i] = NULL;
	}
	if (p->port[i] <= 0)
		p->port[i] = xenevtchn_bind_unbound_port(p->evt, to);
	page = xengntshr_share_page_notify(p->shr, to, &ref, (int)draw(2), 100,
					   p->port[i] > 0 ? (evtchn_port_t)p->port[i] : NO_PORT);
	if (!page)
		return;
	store(&page[0], mark(p->domid, to));
	p->mine[i] = page;
	store(&n->from, p->domid);
	store(&n->to, to);
	store(&n->ref, ref);
	store(&n->port, (uint32_t)p->port[i]);
}

static void map_one(struct party *p, unsigned int i)
{
	struct note *n = &board[draw(BOARD)];
	uint32_t from = load(&n->from), *page, word;

	if (p->theirs[i]) {
		xengnttab_unmap(p->tab, p->theirs[i], 1);
		p->theirs[i] = NULL;
	}
	page = xengnttab_map_grant_ref(p->tab, from, load(&n->ref), PROT_READ);
	if (!page)
		return;
	p->theirs[i] = page;
	word = load(&page[0]);
	if (word != 0 && word != mark(from, p->domid))
		_exit(7); /* somebody else's page */
}

static void work(uint32_t domid)
{
	struct party p = { .domid = domid };

	p.shr = shr_in(domid);
	p.tab = tab_in(domid);
	p.evt = evt_in(domid);
	for (;;) {
		unsigned int i = draw(16);
		int port;

		switch (draw(4)) {
		case 0:
			share_one(&p, i);
			break;
		case 1:
			map_one(&p, i);
			break;
		case 2:
			port = xenevtchn_bind_interdomain(p.evt, load(&board[i].from),
							  load(&board[i].port));
			if (port > 0 && draw(2)) {
				xenevtchn_notify(p.evt, (evtchn_port_t)port);
				xenevtchn_unbind(p.evt, (evtchn_port_t)port);
			}
			break;
		case 3:
			while (readable_evt(p.evt, 0))
				xenevtchn_unmask(p.evt, (evtchn_port_t)xenevtchn_pending(p.evt));
		}
	}
}

static pid_t start(unsigned int i)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		seed += i * 7919u + (unsigned int)getpid();
		work(1 + i % 3);
	}
	return pid;
}

/* SIGKILL is the only good end. */
static bool end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	printf("# a worker ended with status %#x\n", status);
	return false;
}

static bool all_free(uint32_t domid)
{
	static uint32_t ref[1024];
	xengntshr_handle *s = shr_in(domid);
	void *p = xengntshr_share_pages(s, 0, 1024, ref, 1);

	if (p)
		xengntshr_unshare(s, p, 1024);
	xengntshr_close(s);
	return p != NULL;
}

static int first_port(uint32_t domid)
{
	xenevtchn_handle *x = evt_in(domid);
	int port = xenevtchn_bind_unbound_port(x, 0);

	xenevtchn_close(x);
	return port;
}

int main(int argc, char **argv)
{
	pid_t pid[WORKERS];
	int port[4], i, killed;
	bool good = true;

	board = shared_memory(PAGE);
	seed = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : (unsigned int)time(NULL);
	printf("# seed %u\n", seed);
	for (i = 1; i <= 3; i++)
		port[i] = first_port((uint32_t)i);
	for (i = 0; i < WORKERS; i++)
		pid[i] = start((unsigned int)i);
	for (killed = 0; killed < KILLS; killed++) {
		nap_ms(draw(15));
		i = (int)draw(WORKERS);
		good &= end(pid[i]);
		pid[i] = start((unsigned int)i);
	}
	for (i = 0; i < WORKERS; i++)
		good &= end(pid[i]);
	ok(good, "200 kills: nobody died of anything else, no wrong page was seen");
	for (i = 1; i <= 3; i++) {
		eventually(all_free((uint32_t)i), "all 1024 references are free again");
		eventually(first_port((uint32_t)i) == port[i], "and all ports");
	}
	return failures != 0;
}
