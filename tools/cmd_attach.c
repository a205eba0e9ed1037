/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_attach.c - acctctl attach, acctctl detach: devices of our backends,
 * which xl does not know.
 */
#include "common/kv.h"
#include "common/log.h"
#include "common/mac.h"
#include "common/xs.h"
#include "tools/command.h"
#include "tools/plug.h"

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_SECONDS 30 /* of --wait alone */
#define DETACH_SECONDS 10 /* as libxl waits */
#define PARAMS_MAX 1024

struct words {
	const char *backend, *kind, *mac, *bridge, *mtu;
	bool readonly, force;
	unsigned int wait; /* seconds; 0: not at all */
	const char *word[4];
	unsigned int words;
};

enum {
	OPT_BACKEND = 256,
	OPT_KIND,
	OPT_MAC,
	OPT_BRIDGE,
	OPT_MTU,
	OPT_READONLY,
	OPT_WAIT,
	OPT_FORCE,
	OPT_HELP
};

static const struct option attach_longs[] = {
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "bridge", required_argument, NULL, OPT_BRIDGE },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "readonly", no_argument, NULL, OPT_READONLY },
	{ "wait", optional_argument, NULL, OPT_WAIT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};
static const struct option detach_longs[] = {
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static unsigned int wait_seconds(int argc, char **argv)
{
	const char *text = optarg;
	uint64_t n;

	/* --wait 5 as well as --wait=5 */
	if (!text && optind < argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
		text = argv[optind++];
	if (!text)
		return WAIT_SECONDS;
	if (!parse_u64(text, 3600, &n) || !n)
		die(EXIT_USAGE, "%s: --wait: \"%s\", allowed: 1..3600 seconds", argv[0], text);
	return (unsigned int)n;
}

static const char *kind_option(const char *command, const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (!*text || strlen(text) > 32 || text[strspn(text, letters)])
		die(EXIT_USAGE, "%s: --kind: \"%s\", allowed: 1..32 of a-z 0-9 _ -", command, text);
	return text;
}

/* Words and options may stand in any order. */
static void parse(struct words *w, int argc, char **argv, const struct option *longs)
{
	const char *allowed = command_find(argv[0])->options;
	int opt;

	memset(w, 0, sizeof(*w));
	opterr = 0;
	optind = 0;
	while ((opt = getopt_long(argc, argv, "-:", longs, NULL)) != -1) {
		switch (opt) {
		case 1:
			if (w->words == 4)
				die(EXIT_USAGE, "%s: %s: unexpected argument, allowed: %s", argv[0],
				    optarg, command_find(argv[0])->args);
			w->word[w->words++] = optarg;
			break;
		case OPT_BACKEND:
			w->backend = optarg;
			break;
		case OPT_KIND:
			w->kind = kind_option(argv[0], optarg);
			break;
		case OPT_MAC:
			w->mac = optarg;
			break;
		case OPT_BRIDGE:
			w->bridge = optarg;
			break;
		case OPT_MTU:
			w->mtu = optarg;
			break;
		case OPT_READONLY:
			w->readonly = true;
			break;
		case OPT_FORCE:
			w->force = true;
			break;
		case OPT_WAIT:
			w->wait = wait_seconds(argc, argv);
			break;
		case OPT_HELP:
			exit(cmd_help(2, (char *[]){ (char *)"help", argv[0], NULL }));
		case ':':
			die(EXIT_USAGE, "%s: %s: needs a value, allowed: %s", argv[0],
			    argv[optind - 1], allowed);
		default:
			die(EXIT_USAGE, "%s: %s: unknown option, allowed: %s", argv[0],
			    argv[optind - 1], allowed);
		}
	}
}

static void need_words(const char *command, const struct words *w, unsigned int n)
{
	if (w->words != n)
		die(EXIT_USAGE, "%s: %u arguments, allowed: %s", command, w->words,
		    command_find(command)->args);
}

static void open_store(struct plug *p, const char *command)
{
	p->xsh = xs_open(0);
	if (!p->xsh)
		die(EXIT_ENV, "%s: no xenstore: %s, allowed: dom0 of a running Xen", command,
		    strerror(errno));
}

/* An exit status; its line was printed. */
static int end(struct plug *p, const char *command, int status)
{
	if (status)
		log_error("%s: %s", command, p->error);
	xs_close(p->xsh);
	return status;
}

static int plug_in(struct plug *p, const struct words *w, const struct xenbus_node *front,
		   const struct xenbus_node *back)
{
	int status;

	open_store(p, "attach");
	status = plug_domain(p, "guest", w->word[1], &p->guest);
	if (!status)
		status = plug_domain(p, "--backend", w->backend ? w->backend : "0", &p->backend);
	if (!status && p->guest == p->backend)
		status = plug_fail(p, EXIT_USAGE, "--backend: domain %u is the guest itself",
				   p->guest);
	if (!status) {
		plug_paths(p);
		status = plug_attach(p, front, back);
	}
	if (!status && w->wait)
		status = plug_wait(p, w->wait);
	return end(p, "attach", status);
}

static int attach_disk(const struct words *w)
{
	struct plug p = { .front_kind = "vbd", .back_kind = w->kind ? w->kind : "abd" };
	const char *file = w->word[3];
	char number[12], name[16];
	const struct xenbus_node front[] = { { "virtual-device", number },
					     { "device-type", "disk" },
					     { NULL, NULL } };
	const struct xenbus_node back[] = {
		{ "params", file },
		{ "mode", w->readonly ? "r" : "w" },
		{ "dev", name },
		{ "type", "phy" },
		{ "device-type", "disk" },
		{ "removable", "0" },
		{ "bootable", "0" },
		{ "discard-enable", "0" },
		{ "specification", "xen" },
		{ NULL, NULL },
	};

	need_words("attach", w, 4);
	if (w->mac || w->bridge || w->mtu)
		die(EXIT_USAGE, "attach: --%s: not of a disk",
		    w->mac	? "mac"
		    : w->bridge ? "bridge"
				: "mtu");
	if (!vdev_parse(w->word[2], &p.devid))
		die(EXIT_USAGE, "attach: %s: no such disk, allowed: xvda, xvdb1, .. or a number",
		    w->word[2]);
	if (file[0] != '/' || strlen(file) > PARAMS_MAX)
		die(EXIT_USAGE,
		    "attach: %.200s: allowed: the path of a file or block device in the backend's "
		    "domain, from /, at most %u bytes",
		    file, PARAMS_MAX);
	snprintf(number, sizeof(number), "%u", p.devid);
	vdev_name(p.devid, name);
	if (!name[0])
		snprintf(name, sizeof(name), "%u", p.devid);
	return plug_in(&p, w, front, back);
}

static int attach_nic(const struct words *w)
{
	struct plug p = { .front_kind = "vif", .back_kind = w->kind ? w->kind : "avif" };
	const char *mtu = w->mtu ? w->mtu : "1500";
	char number[12];
	const struct xenbus_node front[] = {
		{ "handle", number }, { "mac", w->mac }, { "mtu", mtu }, { NULL, NULL }
	};
	const struct xenbus_node back[] = { { "handle", number },
					    { "mac", w->mac },
					    { "type", "vif" },
					    { "mtu", mtu },
					    { w->bridge ? "bridge" : NULL, w->bridge },
					    { NULL, NULL } };
	uint8_t mac[6];
	uint64_t n;

	need_words("attach", w, 3);
	if (w->readonly)
		die(EXIT_USAGE, "attach: --readonly: only of a disk");
	if (!parse_u64(w->word[2], 255, &n))
		die(EXIT_USAGE, "attach: %s: no such device, allowed: a number, 0..255",
		    w->word[2]);
	if (!w->mac || !mac_parse(w->mac, mac) || mac[0] & 1)
		die(EXIT_USAGE,
		    "attach: --mac: %s, allowed: the address of one host, as "
		    "00:16:3e:00:00:01",
		    w->mac ? w->mac : "missing");
	if (w->bridge && (!*w->bridge || strlen(w->bridge) >= IFNAMSIZ || strchr(w->bridge, '/')))
		die(EXIT_USAGE,
		    "attach: --bridge: %.40s, allowed: the name of a bridge, 1..%d letters",
		    w->bridge, IFNAMSIZ - 1);
	p.devid = (uint32_t)n;
	if (!parse_u64(mtu, 65521, &n) || n < 68)
		die(EXIT_USAGE, "attach: --mtu: %s, allowed: 68..65521", mtu);
	snprintf(number, sizeof(number), "%u", p.devid);
	return plug_in(&p, w, front, back);
}

int cmd_attach(int argc, char **argv)
{
	struct words w;

	parse(&w, argc, argv, attach_longs);
	if (w.words && !strcmp(w.word[0], "disk"))
		return attach_disk(&w);
	if (w.words && !strcmp(w.word[0], "nic"))
		return attach_nic(&w);
	die(EXIT_USAGE, "attach: %s, allowed: disk, nic", w.words ? w.word[0] : "what is missing");
}

/* Names are disks; a number may be either. */
static int find_device(struct plug *p, const char *text)
{
	static const char *const kinds[] = { "vbd", "vif" };
	bool found[2] = { false, false };
	uint32_t devid;
	int i, status;

	if (!vdev_parse(text, &devid))
		return plug_fail(p, EXIT_USAGE,
				 "%s: no such device, allowed: xvda, xvdb1, .. or a number", text);
	for (i = text[0] == 'x' ? 0 : 1; i >= 0; i--) {
		status = plug_find(p, kinds[i], devid, &found[i]);
		if (status)
			return status;
		if (found[1]) /* no disk has a number so small */
			break;
	}
	if (!found[0] && !found[1])
		return plug_fail(p, EXIT_RUNTIME, "%s: the guest has no such device", text);
	if (!strcmp(p->back_kind, "vbd") || !strcmp(p->back_kind, "vif") ||
	    !strcmp(p->back_kind, "qdisk"))
		return plug_fail(p, EXIT_RUNTIME,
				 "%s: backend/%s, allowed: what acctctl attach made; of xl's own "
				 "kinds: xl block-detach, xl network-detach",
				 text, p->back_kind);
	return 0;
}

int cmd_detach(int argc, char **argv)
{
	struct plug p = { .guest = 0 };
	struct words w;
	int status;

	parse(&w, argc, argv, detach_longs);
	need_words("detach", &w, 2);
	open_store(&p, "detach");
	status = plug_domain(&p, "guest", w.word[0], &p.guest);
	if (!status)
		status = find_device(&p, w.word[1]);
	if (!status)
		status = plug_detach(&p, w.wait ? w.wait : DETACH_SECONDS, w.force);
	return end(&p, "detach", status);
}
