#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 60
# The store takes no more watches of the driver domain: a backend serves the
# devices that come then all the same, and those that it has.
. "$(dirname "$0")/lib/sandbox.sh"
. tests/lib/toolstack.sh

use_disk() {	# use_disk GUEST: it reads and writes until it is killed
	ts_vbd "$1" 1 51712 "$tmp/disk$1" w
	background "$1" "user$1" "$BUILD/bin/acctring-blkfront" --rw randrw --runtime 60
	ts_wait "/local/domain/1/backend/abd/$1/51712" 4 &&
		ts_wait "/local/domain/$1/device/vbd/51712" 4
}

"$xsb" create 1 --name driver
for g in 2 3 4; do
	"$xsb" create $g --name guest$g
	truncate -s 4M "$tmp/disk$g"
done
background 1 vbd "$BUILD/bin/acctring-blkback" --verbose
vbd=$pid vbd_exec=$last
soon 10 grep -q serving "$tmp/vbd.log"
use_disk 2
ok $? "a device, while there are watches"
user=$pid user_exec=$last

background 1 crowd "$BUILD/tests/prog/sandbox_store" crowd data 200
crowd=$pid crowd_exec=$last
soon 10 grep -q E2BIG "$tmp/crowd.out"
ok $? "others of the domain take all that are left ($(cat "$tmp/crowd.out"))"
use_disk 3 && use_disk 4
ok $? "two devices more are served"
is "$(grep -c 'device/vbd/51712/state: xenstore refuses the watch: .*; beyond 2, devices are looked at' "$tmp/vbd.log")" 1 \
	"though the watch was refused, which is told"
is "$(ts_state /local/domain/1/backend/abd/2/51712)" 4 "the one that was there is served on"
kill "$user"
wait "$user_exec"
soon 10 eval '[ "$(ts_state /local/domain/1/backend/abd/2/51712)" = 6 ]'
ok $? "and its watch is there: its frontend closes"
kill "$pid"
wait "$last"
soon 10 eval '[ "$(ts_state /local/domain/1/backend/abd/4/51712)" = 6 ]'
ok $? "as does one that has none"
is "$(ts_state /local/domain/1/backend/abd/3/51712)" 4 "the third goes on"
kill "$crowd"
wait "$crowd_exec" 2>/dev/null
kill "$vbd"
wait "$vbd_exec"
is $? 0 "the end"
grep -hE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/vbd.log"
is $? 1 "no sanitizer has complained"
echo "1..$n"
