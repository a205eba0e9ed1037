#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ten million posts by a thread that any system call would kill.
prog=$BUILD/tests/prog/ring_seccomp
case $SANITIZE in
?*)
	echo "1..0 # SKIP a sanitizer's runtime makes system calls of its own"
	exit 0
	;;
esac
echo 1..4
. "$(dirname "$0")/lib/tap.sh"
for mode in alone drained moved; do
	out=$(timeout 60 "$prog" $mode 2>&1)
	ret=$?
	printf '# %s\n' "$out"
	ok $ret "10 million posts, $mode: no system call, sums exact"
done
# the filter does kill: 159 is 128 + SIGSYS
ret=$(ulimit -c 0; timeout 20 "$prog" break >/dev/null 2>&1; echo $?) 2>/dev/null
[ "$ret" -eq 159 ]
ok $? "one system call on the posting thread kills the process"
