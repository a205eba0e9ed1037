#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds acctringd and kill_backend as a later version of the protocol would
# have them: a copy of the sources with a patch, minor.patch or major.patch.
# minor.patch adds a field on either side that the other answers to.
# usage: build.sh PATCH OUT: OUT/bin/acctringd and OUT/tests/prog/kill_backend
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$here/../.." && cp -r Makefile include common ring accountant collector tools tests "$tree" &&
	cd "$tree" && patch -s -p1 <"$here/$1.patch" &&
	MAKEFLAGS= make -j"$(nproc)" SANITIZE= BUILD="$2" "$2/bin/acctringd" "$2/tests/prog/kill_backend"
