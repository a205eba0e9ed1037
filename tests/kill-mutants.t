#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The kill test must notice an accountant that is wrong: each patch in
# tests/mutants/acctringd-*.patch is applied to a copy of the sources, built,
# and run under kills; all but the control must fail.  MUTANT_KILLS=n.
# timeout: 400
: "${BUILD:=$PWD/build}"
here=$(cd "$(dirname "$0")" && pwd)
export BUILD

run() {	# in domain 0 of a sandbox; run DIR SEED
	. "$here/lib/driver.sh"
	driver_domain
	echo 'restart_ms = 10;' > "$1/conf"
	"$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/kill_run" "$1/build/bin/acctringd" \
		"$BUILD/tests/prog/kill_backend" "$1" "${MUTANT_KILLS:-80}" "$2"
}
if [ "$1" = inside ]; then
	run "$2" "$3"
	exit
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
failed=0
check() {	# check STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}

for patch in "$here"/mutants/acctringd-*.patch; do
	name=$(basename "$patch" .patch)
	dir=$tmp/$name
	mkdir "$dir"
	cp -r "$here/../Makefile" "$here/../include" "$here/../common" "$here/../ring" \
		"$here/../accountant" "$here/../tools" "$dir"
	if ! (cd "$dir" && patch -s -p1 < "$patch" && MAKEFLAGS= make SANITIZE= BUILD=build \
		build/bin/acctringd) > "$dir/log" 2>&1; then
		sed 's/^/# /' "$dir/log" | tail -n 20
		check 1 "$name builds"
		continue
	fi
	seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	timeout -k 5 100 "$BUILD/bin/xsandbox" run -- bash "$0" inside "$dir" "$seed" \
		> "$dir/out" 2>&1
	rc=$?
	echo "# $name seed=$seed exit=$rc"
	grep '^# [il]' "$dir/out" | tail -n 4
	if [ "$name" = acctringd-control ]; then
		check $rc "$name: exact"
	else
		[ $rc = 1 ] && grep -q 'lanes_wrong=[1-9]' "$dir/out"
		check $? "$name: the kill test notices"
	fi
	rm -rf "$dir"
done
echo "1..$n"
exit $failed
