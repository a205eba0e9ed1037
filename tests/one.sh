#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# One test, bounded in time.  A script may set its own bound in seconds with
# a line "# timeout: N".  Sanitised programs get three times that.
[ -n "$SANITIZE" ] && slow=3
case $1 in
*.t)
	limit=$(sed -n 's/^# timeout: \([0-9]*\)$/\1/p' "$1" | head -n 1)
	exec timeout -k 5 $((${limit:-120} * ${slow:-1})) bash "$1"
	;;
*)
	exec timeout -k 5 $((120 * ${slow:-1})) "$1"
	;;
esac
