#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian packages that are missing: installs them as root, else prints the
# one line to run.  Usage: deps.sh PACKAGE...
command -v dpkg-query >/dev/null 2>&1 || exit 0 # not Debian: the compiler will tell

missing=
for p in "$@"; do
	case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
	*" installed") ;;
	*) missing="$missing $p" ;;
	esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
	echo "  DEPS    installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp) || exit 1
	if { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
		rm -f "$log"
		exit 0
	fi
	tail -n 5 "$log" >&2
	rm -f "$log"
	exit 1
fi
echo "Packages are missing. Run:" >&2
echo "    sudo apt-get install --no-install-recommends$missing" >&2
exit 1
