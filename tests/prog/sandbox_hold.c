/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One party for shell tests of the sandbox, in the domain that it is started in:
 *
 *   sandbox_hold share TO TEXT      grants a page to domain TO with TEXT in it,
 *                                   prints "ref N", sleeps until killed
 *   sandbox_hold map DOM REF        maps it, prints "text ...", then for each line
 *                                   on stdin: "again" maps it once more and prints
 *                                   what it reads or "no"; ends at end of file
 *   sandbox_hold try DOM REF        maps it once: prints what it reads or "no"
 *   sandbox_hold virq               binds VIRQ_DOM_EXC, prints "bound", then "virq"
 *                                   each time it fires
 *   sandbox_hold delay              a pair of ports between this domain (notifies)
 *                                   and itself: prints the delay in ms
 *   sandbox_hold fill               makes children that make children, prints
 *                                   "ready", sleeps
 */
#include "tests/prog/sandbox_test.h"

#include <inttypes.h>
#include <xen/xen.h>

static int share(const char *to, const char *text)
{
	xengntshr_handle *s = must(xengntshr_open(NULL, 0));
	uint32_t ref;
	char *p = xengntshr_share_pages(s, (uint32_t)atoi(to), 1, &ref, 1);

	if (!p)
		return 1;
	snprintf(p, PAGE, "%s", text);
	printf("ref %u\n", ref);
	fflush(stdout);
	for (;;)
		pause();
}

static const char *once(xengnttab_handle *t, const char *dom, const char *ref)
{
	const char *p =
		xengnttab_map_grant_ref(t, (uint32_t)atoi(dom), (uint32_t)atoi(ref), PROT_READ);

	return p ? p : "no";
}

static int map(const char *dom, const char *ref)
{
	xengnttab_handle *t = must(xengnttab_open(NULL, 0));
	char line[64];

	printf("text %s\n", once(t, dom, ref));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%s\n", once(t, dom, ref));
		fflush(stdout);
	}
	return 0;
}

static int virq(void)
{
	xenevtchn_handle *x = must(xenevtchn_open(NULL, 0));
	int port = xenevtchn_bind_virq(x, VIRQ_DOM_EXC);

	if (port > 0)
		puts("bound");
	else
		printf("not bound: %s\n", strerror(errno));
	fflush(stdout);
	while (xenevtchn_pending(x) == port) {
		printf("virq\n");
		fflush(stdout);
		xenevtchn_unmask(x, (evtchn_port_t)port);
	}
	return 1;
}

static int delay(void)
{
	xenevtchn_handle *x = must(xenevtchn_open(NULL, 0));
	xenevtchn_handle *y = must(xenevtchn_open(NULL, 0));
	uint32_t me = (uint32_t)atoi(must(getenv("XSANDBOX_DOMID")));
	int p = xenevtchn_bind_unbound_port(x, me);
	int q = xenevtchn_bind_interdomain(y, me, (evtchn_port_t)p);
	uint64_t began = now_ns();

	xenevtchn_notify(y, (evtchn_port_t)q);
	if (xenevtchn_pending(x) != p)
		return 1;
	printf("%" PRIu64 "\n", (now_ns() - began) / 1000000);
	return 0;
}

static int fill(void)
{
	int i;

	for (i = 0; i < 3; i++) /* eight processes, in sessions of their own */
		if (fork() == 0)
			setsid();
	nap_ms(100);
	printf("ready\n");
	fflush(stdout);
	while (pause() < 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 4 && strcmp(what, "share") == 0)
		return share(argv[2], argv[3]);
	if (argc == 4 && strcmp(what, "map") == 0)
		return map(argv[2], argv[3]);
	if (argc == 4 && strcmp(what, "try") == 0) {
		printf("%s\n", once(must(xengnttab_open(NULL, 0)), argv[2], argv[3]));
		return 0;
	}
	if (argc == 2 && strcmp(what, "virq") == 0)
		return virq();
	if (argc == 2 && strcmp(what, "delay") == 0)
		return delay();
	if (argc == 2 && strcmp(what, "fill") == 0)
		return fill();
	return 2;
}
