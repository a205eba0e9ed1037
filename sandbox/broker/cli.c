/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sub-commands that make, kill, list and disturb domains of a running sandbox. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/broker/control.h"
#include "sandbox/lib/client.h"
#include "sandbox/shim/ctrl_wire.h"

static int say_connect(int rc)
{
	if (rc == -ENOENT && !getenv(XSB_ENV_DIR))
		return fail(EXIT_ENVIRONMENT, "not inside a sandbox: $XSANDBOX is not "
					      "set (see xsandbox run)");
	return fail(EXIT_ENVIRONMENT, "no broker at %s/" XSB_SOCKET ": %s", getenv(XSB_ENV_DIR),
		    strerror(-rc));
}

static int say_result(int rc, const char *what, const char *domid)
{
	switch (rc) {
	case 0:
		return EXIT_OK;
	case -EPERM:
		return fail(EXIT_RUNTIME, "%s: only domain 0 may do this", what);
	case -ESRCH:
		return fail(EXIT_RUNTIME, "%s: there is no domain %s", what, domid);
	case -EEXIST:
		return fail(EXIT_RUNTIME,
			    "%s: domain %s exists already (running or "
			    "dying)",
			    what, domid);
	}
	return fail(EXIT_RUNTIME, "%s %s: %s", what, domid, strerror(-rc));
}

static int one_call(struct xsb_msg *m, const char *what, const char *domid)
{
	struct xsb_client c;
	int rc = xsb_open(&c);

	if (rc)
		return say_connect(rc);
	rc = xsb_call(&c, m, NULL, 0, NULL, NULL);
	xsb_close(&c);
	return say_result(rc, what, domid);
}

static int bad_domid(const char *s)
{
	return fail(EXIT_USAGE, "domain %s: a number from 0 to %u is allowed", s, DOMID_MAX - 1);
}

/* data: name NUL uuid NUL */
static int put_strings(struct xsb_msg *m, const char *name, const char *uuid)
{
	uint8_t bytes[16];
	size_t n = strlen(name) + 1, u = strlen(uuid) + 1;

	if (n > XSB_NAME)
		return fail(EXIT_USAGE, "--name: at most %d bytes are allowed", XSB_NAME - 1);
	if (*uuid && uuid_parse_text(uuid, bytes))
		return fail(EXIT_USAGE,
			    "--uuid %s: 32 hex digits are allowed, with "
			    "dashes or without",
			    uuid);
	memcpy(m->data, name, n);
	memcpy(m->data + n, uuid, u);
	m->len = (uint32_t)(n + u);
	return EXIT_OK;
}

/* As libxl, come back when the domain's nodes are there. */
static int await_store(uint32_t domid, const char *text)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct xsb_client c;
	int rc = xsb_open(&c), tries;

	if (rc)
		return say_connect(rc);
	for (tries = 0; tries < 10000; tries++) {
		rc = xsb_call2(&c, CTL_STORE_READY, domid, 0, NULL);
		if (rc != -EAGAIN)
			break;
		nanosleep(&ms, NULL);
	}
	xsb_close(&c);
	return say_result(rc, "create: no store for domain", text);
}

int cli_create(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "uuid", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct xsb_msg m = { .op = XSB_DOM_CREATE };
	const char *name = "", *uuid = "";
	uint32_t domid;
	int c;

	while ((c = getopt_long(argc, argv, "n:u:h", longs, NULL)) != -1) {
		if (c == 'n')
			name = optarg;
		else if (c == 'u')
			uuid = optarg;
		else {
			fprintf(c == 'h' ? stdout : stderr, "usage: xsandbox create "
							    "DOMID [--name NAME] [--uuid UUID]\n");
			return c == 'h' ? EXIT_OK : EXIT_USAGE;
		}
	}
	if (optind + 1 != argc)
		return fail(EXIT_USAGE, "create: one DOMID is needed");
	if (parse_domid(argv[optind], &domid))
		return bad_domid(argv[optind]);
	c = put_strings(&m, name, uuid);
	if (c)
		return c;
	m.a[0] = domid;
	c = one_call(&m, "create", argv[optind]);
	return c ? c : await_store(domid, argv[optind]);
}

int cli_destroy(int argc, char **argv)
{
	static struct xsb_msg m = { .op = XSB_DOM_DESTROY };
	uint32_t domid;

	if (argc != 2)
		return fail(EXIT_USAGE, "destroy: one DOMID is needed");
	if (parse_domid(argv[1], &domid))
		return bad_domid(argv[1]);
	m.a[0] = domid;
	return one_call(&m, "destroy", argv[1]);
}

static void print_domain(const struct xsb_dominfo *d)
{
	int i;

	printf("%u\t", d->domid);
	for (i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", d->uuid[i]);
	printf("\t%.*s\t%s\t%" PRIu64 "\t%u\n", XSB_NAME, d->name, d->dying ? "dying" : "running",
	       d->cpu_ns, d->processes);
}

int cli_list(int argc, char **argv)
{
	static struct xsb_msg m;
	struct xsb_client c;
	uint64_t first = 0;
	size_t n, i;
	int rc;

	(void)argv;
	if (argc != 1)
		return fail(EXIT_USAGE, "list: no arguments are allowed");
	rc = xsb_open(&c);
	if (rc)
		return say_connect(rc);
	do {
		m.op = XSB_DOM_LIST;
		m.len = 0;
		m.a[0] = first;
		rc = xsb_call(&c, &m, NULL, 0, NULL, NULL);
		n = rc ? 0 : m.len / sizeof(struct xsb_dominfo);
		for (i = 0; i < n; i++) {
			struct xsb_dominfo d;

			memcpy(&d, m.data + i * sizeof(d), sizeof(d));
			print_domain(&d);
			first = d.domid + 1u;
		}
	} while (n);
	xsb_close(&c);
	return say_result(rc, "list", "");
}

int cli_fault(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t fault;
		bool value;
	} faults[] = {
		{ "kill-domain", XSB_FAULT_KILL_DOMAIN, false },
		{ "delay-events", XSB_FAULT_DELAY_EVENTS, true },
		{ "fail-map", XSB_FAULT_FAIL_MAP, true },
		{ "store-eagain", XSB_FAULT_STORE_EAGAIN, true },
	};
	static struct xsb_msg m = { .op = XSB_FAULT };
	uint32_t domid;
	char *end;
	size_t i;

	for (i = 0; i < 4; i++)
		if (argc > 1 && strcmp(argv[1], faults[i].name) == 0)
			break;
	if (i == 4)
		return fail(EXIT_USAGE, "fault: kill-domain D, delay-events D MS, "
					"fail-map D COUNT and store-eagain D COUNT are allowed");
	if (argc != 3 + faults[i].value)
		return fail(EXIT_USAGE, "fault %s: a domid%s needed", argv[1],
			    faults[i].value ? " and a number are" : " is");
	if (parse_domid(argv[2], &domid))
		return bad_domid(argv[2]);
	m.a[0] = faults[i].fault;
	m.a[1] = domid;
	if (faults[i].value) {
		m.a[2] = strtoull(argv[3], &end, 10);
		if (end == argv[3] || *end || m.a[2] > 1000000)
			return fail(EXIT_USAGE,
				    "fault %s %s: a number up to 1000000 "
				    "is allowed",
				    argv[1], argv[3]);
	}
	return one_call(&m, "fault", argv[2]);
}
