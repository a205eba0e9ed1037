# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# domain.sh - for tests in domain 0 of a sandbox: programs in other domains, and
# waiting for what they do; what the store and the sandbox say of them.  $tmp is
# the test's directory.

in_dom() { "$BUILD/bin/xsandbox" exec "$@"; }	# in_dom DOMID -- COMMAND

# background DOMID NAME CMD...: its pid in the domain is in $pid, of exec in $last
# shellcheck disable=SC2034
background() {
	local dom=$1 name=$2

	shift 2
	rm -f "$tmp/$name.pid"
	# shellcheck disable=SC2016
	"$BUILD/bin/xsandbox" exec "$dom" -- sh -c 'echo $$ >"$0"; exec "$@"' "$tmp/$name.pid" "$@" \
		>"$tmp/$name.out" 2>"$tmp/$name.log" &
	last=$!
	soon 5 test -s "$tmp/$name.pid"
	pid=$(cat "$tmp/$name.pid")
}

# soon SECONDS COMMAND...: until it succeeds; what it prints is not shown
soon() {
	local n=$(($1 * 20))

	shift
	until "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ $n -gt 0 ] || return 1
		sleep 0.05
	done
}

# uuid_of DOMID
uuid_of() { "$BUILD/bin/xsandbox" list | awk -F'\t' -v d="$1" '$1 == d { print $2 }'; }
# perms PATH: of a node: its owner, then its readers
perms() { xenstore-ls -fp "${1%/*}" | sed -n "s|^$1 = .*(\(.*\))\$|\1|p"; }
