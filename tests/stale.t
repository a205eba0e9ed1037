#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# After a crash of everything the same grant numbers are another's pages, and
# xenstore still names them as a link: the accountant leaves them alone.
# timeout: 60
. "$(dirname "$0")/lib/driver.sh"
links=/local/domain/1/data/acctring/link

driver_domain
start_acctringd
start_poster 0 1 2
soon 10 is_attached 0
tap $? "a backend is attached"
[ "${tap_failed:-0}" = 0 ] || tap_end
link=$links/$(xenstore-list $links | head -n 1)
sleep 0.3
worker=$(worker_pid)
kill -KILL "$holder" "$worker"
wait "$acctringd" 2>/dev/null
stop_poster 0 KILL
rm -f "$tmp/sock"
xenstore-read "$link" | grep -q "state=4$"
tap $? "its node still says that it is ready"

ref=$(xenstore-read "$link" | sed 's/.* ref=\([0-9]*\).*/\1/')
# shellcheck disable=SC2016
"$BUILD/bin/xsandbox" exec 1 -- sh -c 'echo $$ > "$0/pid-stale"
	exec "$1/tests/prog/hostile_stale" "$2"' "$tmp" "$BUILD" "$ref" > "$tmp/stale" 2>&1 &
stale=$!
soon 10 grep -q ready "$tmp/stale"
tap $? "its grant number $ref is another's now"

start_acctringd
tap $? "the accountant starts again"
lost() { [ "$(ledger 'SELECT sum(epochs_lost) FROM domain')" = 1 ]; }
soon 10 lost
tap $? "the epoch is counted as lost"
peer=/local/domain/1/data/acctring/peer/1/${link##*/}
told() { [ "$(xenstore-read "$peer")" = "refused $(epoch_of 0) lost" ]; }
soon 10 told # after the commit
tap $? "and its backend would be told so"
kill -TERM "$(cat "$tmp/pid-stale")"
wait $stale
tap $? "nothing was written there: $(tail -n 1 "$tmp/stale")"
start_poster 1 1 2
soon 10 is_attached 1
tap $? "a new backend is attached"
stop_poster 1
tap $? "and closes with all its posts committed"
lost
tap $? "still one epoch lost"
stop_acctringd
tap $? "acctringd stops cleanly"
tap_end
