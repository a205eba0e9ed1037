#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xenstored ends: the collector says so in one line and ends with 4, so that
# systemd starts it again.  Nothing wakes it: it has to ask.
# timeout: 40
. "$(dirname "$0")/lib/sandbox.sh"

echo 'drivers = ( { domain = "0"; accountant = "0"; } ); bill_period_ms = 1000;' >"$tmp/conf"
ACCTRING_RUNDIR=$tmp/run timeout 15 "$BUILD/bin/acctring-collector" -c "$tmp/conf" 2>"$tmp/log" &
collector=$!
soon 5 grep -q serving "$tmp/log"
for p in $(cat "/proc/$PPID/task/$PPID/children"); do	# this sandbox's own
	[ "$(cat "/proc/$p/comm")" = xenstored ] && kill -9 "$p"
done
wait $collector
is $? 4 "xenstored is gone: the collector ends with 4"
is "$(grep -c 'connection is lost' "$tmp/log")" 1 "which it says once"
is "$(sed -n '1,/serving/d; p' "$tmp/log" | wc -l)" 1 "and nothing else"
like "$(tail -n 1 "$tmp/log")" ": xenstore: the connection is lost, allowed: " "clearly"
echo "1..$n"
