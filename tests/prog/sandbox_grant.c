/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grants in the sandbox: references, limits, who may map what and how long. */
#include "tests/prog/sandbox_test.h"

#include <fcntl.h>
#include <sys/socket.h>

static xengntshr_handle *s1;
static xengnttab_handle *t0, *t1, *t2;

static void *map(xengnttab_handle *t, uint32_t ref, int prot)
{
	return xengnttab_map_grant_ref(t, 1, ref, prot);
}

static bool maps(xengnttab_handle *t, uint32_t ref, int prot)
{
	void *p = map(t, ref, prot);

	return p && xengnttab_unmap(t, p, 1) == 0;
}

/* Faults when it writes (or reads): in a child, which has its own handle. */
struct poke {
	uint32_t ref;
	int prot;
	bool make_writable;
};

static void reset_segv(void)
{
	signal(SIGSEGV, SIG_DFL);
}

static bool write_faults(const struct poke *k)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		xengnttab_handle *t = tab_in(0);
		volatile uint8_t *p = map(t, k->ref, k->prot);

		reset_segv();
		if (!p)
			_exit(9);
		if (k->make_writable && mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE) < 0)
			_exit(8);
		p[5] = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (k->make_writable)
		return WIFEXITED(status) && WEXITSTATUS(status) == 8;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void test_lifo(void)
{
	uint32_t r[4], again[2];
	uint8_t *a, *b, *c;

	a = must(xengntshr_share_pages(s1, 0, 1, &r[0], 1));
	b = xengntshr_share_pages(s1, 0, 1, &r[1], 1);
	c = xengntshr_share_pages(s1, 0, 2, &r[2], 1);
	ok(a && b && c, "share pages");
	ok(r[0] >= 8 && r[1] == r[0] + 1 && r[3] == r[2] + 1, "fresh references ascend from 8 on");
	ok(a[0] == 0 && a[PAGE - 1] == 0, "shared pages are zeroed");
	xengntshr_unshare(s1, a, 1);
	xengntshr_unshare(s1, b, 1);
	a = xengntshr_share_pages(s1, 0, 1, &again[0], 1);
	b = xengntshr_share_pages(s1, 0, 1, &again[1], 1);
	ok(a && b && again[0] == r[1] && again[1] == r[0],
	   "references are reused at once, last in first out");
	xengntshr_unshare(s1, a, 1);
	xengntshr_unshare(s1, b, 1);
	ok(map(t0, r[0], PROT_READ) == NULL && errno == EINVAL,
	   "an unshared reference cannot be mapped: EINVAL");
	ok(xengntshr_unshare(s1, c, 1) == 0 && maps(t0, r[2], PROT_READ),
	   "half unshared: the pages of one call live until the last is unmapped");
	ok(xengntshr_unshare(s1, c + PAGE, 1) == 0 && !maps(t0, r[2], PROT_READ),
	   "unshared in two pieces: gone");
}

/*
 * The files of granted pages that are sealed against new writable mappings. The
 * broker has them open, and is the peer of a handle's socket.
 */
static int sealed_files(void)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char path[64];
	int fd, n = 0, i;

	if (getsockopt(xengnttab_fd(t0), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -1;
	for (i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)peer.pid, i);
		fd = open(path, O_RDWR | O_NONBLOCK);
		if (fd < 0)
			continue;
		n += fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
		close(fd);
	}
	return n;
}

static void test_access(void)
{
	uint32_t rw, ro;
	uint8_t *w = must(xengntshr_share_pages(s1, 0, 1, &rw, 1));
	uint8_t *r = xengntshr_share_pages(s1, 0, 1, &ro, 0);
	uint8_t *p;

	ok(sealed_files() == 1, "the file of a read-only grant is sealed, the other not");
	put_text(w, "seen");
	p = must(map(t0, rw, PROT_READ | PROT_WRITE));
	ok(strcmp((char *)p, "seen") == 0, "the grantee sees the granter's bytes");
	p[0] = 'd';
	ok(strcmp((char *)w, "deen") == 0, "and the granter sees the grantee's");
	ok(xengnttab_unmap(t0, p, 2) == -1 && errno == EINVAL &&
		   xengnttab_unmap(t0, p + PAGE, 1) == -1 && xengnttab_unmap(t0, p, 1) == 0,
	   "only the whole mapping can be unmapped");
	ok(map(t2, rw, PROT_READ) == NULL && errno == EINVAL, "wrong grantee refused");
	ok(map(t1, rw, PROT_READ) == NULL, "even if it is the granter");
	ok(xengnttab_map_grant_ref(t0, 7, rw, PROT_READ) == NULL && errno == EINVAL,
	   "a domain that does not exist: EINVAL");
	ok(map(t0, 123456, PROT_READ) == NULL && errno == EINVAL, "a wild reference");
	ok(map(t0, ro, PROT_READ | PROT_WRITE) == NULL && errno == EINVAL,
	   "a read-only grant is not mapped writable");
	put_text(r, "page");
	p = map(t0, ro, PROT_READ);
	ok(p && strcmp((char *)p, "page") == 0, "but read-only, and is live");
	ok(write_faults(&(struct poke){ ro, PROT_READ, false }),
	   "writing to a read-only grant is SIGSEGV");
	ok(write_faults(&(struct poke){ ro, PROT_READ, true }), "mprotect cannot make it writable");
	ok(write_faults(&(struct poke){ rw, PROT_READ, true }),
	   "nor a read-only mapping of a writable grant");
	xengnttab_unmap(t0, p, 1);
	xengntshr_unshare(s1, w, 1);
	xengntshr_unshare(s1, r, 1);
}

static void test_contiguous(void)
{
	enum { N = 200 };
	uint32_t ref[N], mixed[N], dom[N];
	uint8_t *a = must(xengntshr_share_pages(s1, 0, N / 2, ref, 1));
	uint8_t *b = must(xengntshr_share_pages(s1, 0, N / 2, ref + N / 2, 1));
	uint8_t *p;
	bool right = true;
	int i;

	for (i = 0; i < N; i++) {
		(i < N / 2 ? a : b)[i % (N / 2) * PAGE] = (uint8_t)(i + 1);
		mixed[i] = ref[(i * 7) % N];
		dom[i] = 1;
	}
	p = xengnttab_map_grant_refs(t0, N, dom, mixed, PROT_READ);
	for (i = 0; p && i < N; i++)
		right &= p[i * PAGE] == (uint8_t)((i * 7) % N + 1);
	ok(p && right, "200 references of two shares in any order map side by side");
	ok(p && xengnttab_unmap(t0, p, N) == 0, "and unmap in one");
	mixed[150] = 999999;
	ok(xengnttab_map_grant_refs(t0, N, dom, mixed, PROT_READ) == NULL,
	   "one bad among them: no mapping at all");
	xengntshr_unshare(s1, a, N / 2);
	xengntshr_unshare(s1, b, N / 2);
	ok(!maps(t0, ref[0], PROT_READ), "and nothing was pinned by it");
}

static void test_limit(void)
{
	uint32_t *ref = calloc(1025, sizeof(*ref)), one, i;
	uint8_t *a = xengntshr_share_pages(s1, 0, 1024, ref, 1), *p, *b;

	ok(a != NULL, "1024 pages can be shared");
	ok(!xengntshr_share_pages(s1, 0, 1, &one, 1) && errno == ENOSPC, "one more: ENOSPC");
	p = map(t0, ref[77], PROT_READ | PROT_WRITE);
	xengntshr_unshare(s1, a, 1024);
	one = ref[77];
	b = xengntshr_share_pages(s1, 0, 1024, ref, 1);
	ok(b != NULL, "a page that a peer still maps does not count");
	for (i = 0; i < 1024 && ref[i] != one; i++)
		;
	ok(i == 1024, "but its number is not given out");
	xengnttab_unmap(t0, p, 1);
	xengntshr_unshare(s1, b, 1024);
	ok(!xengntshr_share_pages(s1, 0, 1025, ref, 1) && errno == ENOSPC, "1025 at once: ENOSPC");
	ok(!xengntshr_share_pages(s1, 0, 0, ref, 1) && errno == EINVAL, "none: EINVAL");
	free(ref);
}

static void granter(void *arg)
{
	xengntshr_handle *s = shr_in(1);
	uint32_t *ref = arg;
	char *p = xengntshr_share_pages(s, 0, 2, ref, 1);

	put_text(p, "first");
	put_text(p + PAGE, "second");
}

static void test_death(uint32_t *ref)
{
	pid_t pid = sleeper(granter, ref);
	char *p = must(map(t0, ref[0], PROT_READ | PROT_WRITE)), *q;

	ok(strcmp(p, "first") == 0, "mapped from another process");
	kill9(pid);
	eventually(!maps(t0, ref[1], PROT_READ),
		   "kill -9 of the granter: the page that nobody maps dies");
	ok(strcmp(p, "first") == 0, "the mapped one keeps its bytes");
	q = map(t0, ref[0], PROT_READ | PROT_WRITE);
	ok(q && strcmp(q, "first") == 0, "and can be mapped again while it is mapped");
	xengnttab_unmap(t0, p, 1);
	ok(maps(t0, ref[0], PROT_READ), "still, by the second mapping alone");
	xengnttab_unmap(t0, q, 1);
	ok(!maps(t0, ref[0], PROT_READ), "after the last unmap it is gone");
}

static void forking_granter(void *arg)
{
	xengntshr_handle *s = shr_in(1);
	uint32_t *ref = arg;
	char *keep = xengntshr_share_pages(s, 0, 1, &ref[0], 1);
	char *drop = xengntshr_share_pages(s, 0, 1, &ref[1], 1);
	pid_t pid;

	put_text(keep, "kept");
	madvise(drop, PAGE, MADV_DONTFORK);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	ref[2] = (uint32_t)pid;
}

static void test_fork(uint32_t *ref)
{
	pid_t pid = sleeper(forking_granter, ref);
	char *p;

	nap_ms(50); /* the grandchild takes over */
	kill9(pid);
	eventually(!maps(t0, ref[1], PROT_READ),
		   "MADV_DONTFORK: the page dies though a child lives");
	p = map(t0, ref[0], PROT_READ);
	ok(p && strcmp(p, "kept") == 0, "a page that a child has mapped survives");
	xengnttab_unmap(t0, p, 1);
	kill((pid_t)ref[2], SIGKILL);
	eventually(!maps(t0, ref[0], PROT_READ), "until the child dies");
}

static void test_close(void)
{
	xengntshr_handle *s = shr_in(1);
	xengnttab_handle *t = tab_in(0);
	uint32_t ref;
	char *p = xengntshr_share_pages(s, 0, 1, &ref, 1), *q;

	put_text(p, "still");
	xengntshr_close(s);
	q = map(t, ref, PROT_READ);
	ok(q && strcmp(q, "still") == 0, "closing the handle does not unshare");
	xengntshr_unshare(s1, p, 1);
	ok(maps(t0, ref, PROT_READ), "unshared, but mapped by one: mappable");
	xengnttab_close(t);
	ok(!maps(t0, ref, PROT_READ), "closing the mapper's handle unmaps");
}

static void test_self(void)
{
	uint32_t ref;
	char *p = xengntshr_share_pages(s1, 1, 1, &ref, 0);
	char *q = map(t1, ref, PROT_READ);

	put_text(p, "own");
	ok(q && strcmp(q, "own") == 0, "a domain can map what it granted to itself");
	xengnttab_unmap(t1, q, 1);
	xengntshr_unshare(s1, p, 1);
}

int main(void)
{
	uint32_t *ref = shared_memory(PAGE);

	s1 = shr_in(1);
	t0 = tab_in(0);
	t1 = tab_in(1);
	t2 = tab_in(2);
	test_lifo();
	test_access();
	test_contiguous();
	test_limit();
	test_death(ref);
	test_fork(ref);
	test_close();
	test_self();
	ok(xengnttab_set_max_grants(t0, 5) == 0, "set_max_grants");
	ok(xengnttab_dmabuf_imp_release(t0, 1) == -1 && errno == EOPNOTSUPP,
	   "no dma-bufs, said honestly");
	return failures != 0;
}
