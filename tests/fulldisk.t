#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A full disk and a locked database under the accountant's feet: posting goes
# on, and when the ledger works again everything is in it, exactly once.
# The disk is full for the worker alone: a limit on the size of its files
# (prlimit), lifted later; write() fails in the middle of SQLite as it would.
# timeout: 120
. "$(dirname "$0")/lib/driver.sh"
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
echo "# seed=$seed"
said() { [ "$(grep -c "$1" "$tmp/log")" -ge "$2" ]; }

driver_domain
start_acctringd
tap $? "acctringd runs"
start_poster 0 "$seed" 2
start_poster 1 "$seed" 3
soon 10 is_attached 0 && soon 10 is_attached 1
tap $? "two backends are attached"
[ "${tap_failed:-0}" = 0 ] || tap_end
sleep 0.5

# -- disk full
prlimit --pid "$(worker_pid)" --fsize=4096:
soon 10 said 'commit failed' 1
tap $? "a full disk: the commit fails, and acctringd says so"
was=$(posts 0)
sleep 1.5
[ "$(posts 0)" -gt "$was" ]
tap $? "posting goes on meanwhile"
[ "$(grep -c 'commit failed' "$tmp/log")" = 1 ]
tap $? "it is said once, not for each try"
prlimit --pid "$(worker_pid)" --fsize=unlimited:
soon 10 said 'acctringd: the ledger works again' 1
tap $? "space is back: the ledger works again"
soon 10 is_attached 0
tap $? "and the backend is attached again"

# -- database locked; one backend dies meanwhile, the worker too
sleep 0.3
(echo 'BEGIN EXCLUSIVE;'; sleep 3; echo 'COMMIT;') | sqlite3 -cmd '.timeout 5000' "$tmp/ledger.db" &
lock=$!
soon 10 said 'commit failed' 2
tap $? "a locked database: the commit fails"
stop_poster 1 KILL
sleep 0.5
kill -KILL "$(worker_pid)"
wait $lock
stop_poster 0
tap $? "unlocked: a backend closes with all its posts committed"
all_closed() { [ "$(ledger 'SELECT count(*) FROM epoch WHERE state=1')" = 0 ]; }
soon 10 all_closed
tap $? "the backend that died meanwhile is drained to its end"
stop_acctringd
tap $? "acctringd stops cleanly"
"$BUILD/tests/prog/kill_check" "$tmp" "$seed" 2
tap $? "the ledger is exact"
[ "$(ledger 'SELECT sum(epochs_lost) FROM domain')" = 0 ]
tap $? "no epoch was lost"

# -- a damaged database: one line, exit 4, left as it is
rm -f "$tmp"/ledger.db-*
printf 'garbage' | dd of="$tmp/ledger.db" bs=1 conv=notrunc 2>/dev/null
sum=$(md5sum < "$tmp/ledger.db")
: > "$tmp/log"
"$BUILD/bin/xsandbox" exec 1 -- timeout 10 "$BUILD/bin/acctringd" -c "$tmp/conf" \
	-d "$tmp/ledger.db" -s "$tmp/sock" 2> "$tmp/log"
[ $? = 4 ] && [ "$(wc -l < "$tmp/log")" = 1 ] && grep -q "$tmp/ledger.db" "$tmp/log"
tap $? "a damaged database: exit 4 and one line that names it"
[ "$(md5sum < "$tmp/ledger.db")" = "$sum" ]
tap $? "and it is left as it is"
tap_end
