#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Backends and accountants of another protocol version: a later minor works
# with an earlier one, both ways, and the accountant is upgraded and
# downgraded while backends run; another major is refused with the reason.
# timeout: 240
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/lib/driver.sh"
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
echo "# seed=$seed"

for v in minor major; do
	sh "$here/upgrade/build.sh" $v "$tmp/$v" >"$tmp/log" 2>&1
	tap $? "a protocol of another $v builds"
	ln -s "$BUILD/bin/xsandbox" "$tmp/$v/bin/xsandbox"
done
[ "${tap_failed:-0}" = 0 ] || tap_end
new() { BUILD=$tmp/minor "$@"; }
alien() { BUILD=$tmp/major "$@"; }

driver_domain
start_acctringd
start_poster 0 "$seed" 2
new start_poster 1 "$seed" 2
soon 10 is_attached 0 && soon 10 is_attached 1
tap $? "accountant 1.2: backends 1.2 and 1.3 are attached"
: >"$tmp/done"
moves() { # INDEX: it has posted more than when last asked
	local was

	was=$(sed -n "s/^$1 //p" "$tmp/done" | tail -n 1)
	echo "$1 $(posts "$1")" >>"$tmp/done"
	[ "$(posts "$1")" -gt "${was:-0}" ]
}
in_ledger() { ledger 'SELECT sum(posts) FROM posted'; }
grows() { [ "$(in_ledger)" -gt "${before:-0}" ]; }
both_go_on() {
	before=$(in_ledger)
	soon 10 is_attached 0 && soon 10 is_attached 1 && soon 10 grows &&
		soon 5 moves 0 && soon 5 moves 1
}
both_go_on
tap $? "both post, and the ledger takes it"
! grep -q 'born\|taken' "$tmp/log"
tap $? "what 1.3 adds is not answered by 1.2"

stop_acctringd
new start_acctringd
tap $? "the accountant is upgraded to 1.3, on the same ledger, while both run"
both_go_on
tap $? "both go on"
[ "$(grep -c '^accountant: kill_backend born b0a4' "$tmp/log")" = 1 ]
tap $? "accountant 1.3 reads what backend 1.3 adds, and misses nothing in 1.2"
soon 5 grep -q '^backend: taken b0a4' "$tmp/log"
tap $? "backend 1.3 reads what accountant 1.3 adds"
# nobody is told: the worker and its holder are killed
kill -KILL "$holder" "$(worker_pid)"
wait "$acctringd" 2>/dev/null
rm -f "$tmp/sock"
soon 5 grep -q '^backend: taken 0' "$tmp/log"
tap $? "and that it is there no more when that one is killed"
start_acctringd
tap $? "downgraded to 1.2"
both_go_on
tap $? "both go on"

# -- another major --
link_of() { # INDEX: what the accountant says of it, with the reason
	xenstore-ls -f /local/domain/1/data/acctring/peer/1 2>/dev/null | grep "$(epoch_of "$1")"
}
is_refused() { link_of "$1" | grep -q refused; }
alien start_poster 2 "$seed" 1
soon 10 is_refused 2
tap $? "a backend of major 2 is refused"
xenstore-ls /local/domain/1/data/acctring/peer/1 | grep -q 'version not supported'
tap $? "with the reason: version not supported"
grep -q 'refused: version not supported' "$tmp/log"
tap $? "and the accountant's log says so"
moves 2
soon 5 moves 2 && both_go_on
tap $? "it posts on, unread, and the others are attached still"
stop_poster 2 KILL
stop_acctringd
alien start_acctringd
tap $? "an accountant of major 2"
soon 10 is_refused 0 && soon 10 is_refused 1
tap $? "refuses backends of major 1"
moves 0 && moves 1
soon 5 moves 0 && soon 5 moves 1
tap $? "which post on"
stop_acctringd
start_acctringd
both_go_on
tap $? "they are attached again by one of major 1"
stop_poster 0
tap $? "backend 1.2 closes, all its posts committed"
stop_poster 1
tap $? "and so does backend 1.3"
"$BUILD/tests/prog/kill_check" "$tmp" "$seed" 2 shared
tap $? "through five accountants of three versions: every sum exact"
stop_acctringd
tap $? "acctringd stops cleanly"
tap_end
