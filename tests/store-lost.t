#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An accountant whom the store refuses watches looks by itself; one whose
# connection to the store is lost says so and ends, to begin anew.
# timeout: 60
. "$(dirname "$0")/lib/driver.sh"
said() { soon "${2:-5}" grep -q "$1" "$tmp/log"; }

# -- no watches are left: the domain's backends have them --
driver_domain
xenstore-rm /local/domain/1/acctring/backend/1
# shellcheck disable=SC2046
"$BUILD/bin/xsandbox" exec 1 -- sh -c 'echo $$ > "$0"; exec xenstore-watch "$@"' "$tmp/watcher" \
	$(seq -f w%g 129) > "$tmp/watches" &
has_all() { grep -qs '^w129$' "$tmp/watches"; }
soon 10 has_all
tap $? "the domain's watches are taken"
start_acctringd
said 'cannot watch /local/domain/1/acctring/backend: .*: looking there each second instead'
tap $? "acctringd begins without one, and says so"
xenstore-write /local/domain/1/acctring/backend/1 "v=1 uuid=$DRIVER_UUID name=driver"
start_poster 0 1 2
soon 10 is_attached 0
tap $? "dom0 names a domain, and a backend comes: it is attached"
serves 2 $VM2_UUID 1 on
serves 3 $VM3_UUID 1 on
resolved() { [ "$(ledger 'SELECT count(*) FROM held')" = 0 ] && [ "$(field charged_ns)" -gt 0 ]; }
soon 10 resolved
tap $? "its VMs are found"
kill "$(cat "$tmp/watcher")"
said 'xenstore takes our watches' 20
tap $? "there are watches again: it takes them"
start_poster 1 1 1
soon 10 is_attached 1
tap $? "another backend comes: it is attached"
stop_poster 0 && stop_poster 1
tap $? "they close, all committed"
stop_acctringd
tap $? "acctringd stops cleanly"

# -- the store itself is gone: last, for here everybody needs it --
"$BUILD/bin/acctringd" -c "$tmp/conf" -d "$tmp/ledger0.db" -s "$tmp/sock0" 2>> "$tmp/log" &
acctringd=$!
soon 10 test -S "$tmp/sock0"
tap $? "an accountant in dom0"
kill -KILL "$(pgrep -x -P "$PPID" xenstored)"
said 'the connection to xenstore is lost (.*): leaving, to begin anew' 10
tap $? "xenstored ends: acctringd says so"
wait $acctringd
[ $? = 4 ]
tap $? "and ends with 4, as there is none to begin anew with"
tap_end
