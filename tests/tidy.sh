#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# clang-tidy over some files, without its chatter; fails on any warning.
out=$(clang-tidy --quiet "$@" -- -std=c11 -D_GNU_SOURCE -D__XEN_TOOLS__ \
	-DACCTRING_VERSION='"0"' -Iinclude -I. 2>&1)
status=$?
printf '%s\n' "$out" | grep -v 'warnings\? generated\.$\|^Suppressed \|^Use -header-filter\|^$'
exit $status
