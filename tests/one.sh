#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# One test, bounded in time.  A script may set its own bound in seconds with
# a line "# timeout: N".  Sanitised programs get three times that.  With a line
# "# alone" no other test runs beside it.
[ -n "$SANITIZE" ] && slow=3
limit='' others=-s
case $1 in
*.t)
	limit=$(sed -n 's/^# timeout: \([0-9]*\)$/\1/p' "$1" | head -n 1)
	! grep -qx '# alone' "$1" || others=-x
	set -- bash "$1"
	;;
esac
exec flock -o $others "$BUILD/tests.lock" timeout -k 5 $((${limit:-120} * ${slow:-1})) "$@"
