/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/names.h"

#include <acctring/abi.h>
#include <stdio.h>

static const char *const classes[] = {
	[ACCTRING_CLASS_OTHER] = "other",     [ACCTRING_CLASS_READ] = "read",
	[ACCTRING_CLASS_WRITE] = "write",     [ACCTRING_CLASS_FLUSH] = "flush",
	[ACCTRING_CLASS_DISCARD] = "discard", [ACCTRING_CLASS_TX] = "tx",
	[ACCTRING_CLASS_RX] = "rx",	      [ACCTRING_CLASS_BROADCAST] = "broadcast",
	[ACCTRING_CLASS_DROP] = "drop",	      [ACCTRING_CLASS_CONTROL] = "control",
	[ACCTRING_CLASS_EVENT] = "event",
};

static const char *const kinds[] = {
	[ACCTRING_KIND_OWN] = "own",
	[ACCTRING_KIND_VBD] = "vbd",
	[ACCTRING_KIND_VIF] = "vif",
	[ACCTRING_KIND_OTHER] = "other",
};

const char *class_name(unsigned int klass, char buf[NAME_TEXT])
{
	if (klass < sizeof(classes) / sizeof(classes[0]) && classes[klass])
		return classes[klass];
	snprintf(buf, NAME_TEXT, "class%u", klass & 0xffu);
	return buf;
}

const char *kind_name(unsigned int kind, char buf[NAME_TEXT])
{
	if (kind < sizeof(kinds) / sizeof(kinds[0]))
		return kinds[kind];
	snprintf(buf, NAME_TEXT, "kind%u", kind & 0xffu);
	return buf;
}
