#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A driver domain ends while its accountant is in another domain, which cannot
# ask the store about it: dom0 says so, its links end at once, nothing keeps it a
# zombie, and no node and no open epoch is left.
# timeout: 60
. "$(dirname "$0")/lib/driver.sh"
peers=/local/domain/1/data/acctring/peer

# other DOMID INDEX: another driver domain of domain 1's, and a backend in it
other() {
	local dir=/local/domain/1/acctring/backend/$1

	"$BUILD/bin/xsandbox" create "$1" --name "other$1" --uuid "${DRIVER_UUID//1/$1}" || return 1
	xenstore-write "$dir" "v=1 uuid=${DRIVER_UUID//1/$1} name=other$1" \
		"$dir/2" "v=1 uuid=$VM2_UUID serial=1 state=on" \
		"$dir/3" "v=1 uuid=$VM3_UUID serial=1 state=on"
	truncate -s 4096 "$tmp/oracle-$2"
	"$BUILD/bin/xsandbox" exec "$1" -- "$BUILD/tests/prog/kill_backend" "$tmp/oracle-$2" 1 "$2" \
		1 1 2>> "$tmp/log" &
	attached() { xenstore-ls "$peers/$1" 2>/dev/null | grep -q "attached $(epoch_of "$2")"; }
	soon 10 attached "$1" "$2"
}
ends() { "$BUILD/bin/xsandbox" destroy "$1"; }
gone() { xenstore-write "/local/domain/1/acctring/backend/$1" "v=1 uuid=${DRIVER_UUID//1/$1} name=other$1 state=gone"; }
state_is() { [ "$(ledger "SELECT group_concat(state) FROM epoch WHERE backend=$1")" = "$2" ]; }
is_zombie() { "$BUILD/bin/xsandbox" list | grep -q "^$1	"; }
no_zombie() { ! is_zombie "$1"; }
no_node() { ! xenstore-exists "$1"; }

driver_domain
# of a domain that ended while nobody was here
xenstore-write $peers/9 "" $peers/9/0 'closed 0123456789abcdef'
xenstore-chmod -r $peers n1
start_acctringd
soon 5 no_node $peers/9
tap $? "what a former accountant told a domain that is no more: removed"

start_poster 0 1 1
soon 10 is_attached 0
tap $? "a backend in the accountant's domain is attached"
other 4 1
tap $? "and one in another"
[ "${tap_failed:-0}" = 0 ] || tap_end
ends 4
sleep 1
is_zombie 4
tap $? "that domain is destroyed: a zombie while its pages are mapped"
gone 4
soon 3 state_is 4 2
tap $? "dom0 says so: the epoch has its tombstone"
soon 3 no_zombie 4
tap $? "and nothing keeps the zombie"
soon 3 no_node $peers/4
tap $? "what it was told is removed"
xenstore-rm /local/domain/1/acctring/backend/4

# -- ended after dom0 had named it no more, and its epoch was left open --
other 5 2
tap $? "a backend in a third domain is attached"
xenstore-rm /local/domain/1/acctring/backend/5
told_closed() { xenstore-ls $peers/5 2>/dev/null | grep -q closed; }
soon 10 told_closed
state_is 5 1
tap $? "named no more: left, its epoch stays open"
ends 5
gone 5
soon 3 state_is 5 4
tap $? "then it ends: nothing stays open"
soon 3 no_node $peers/5
tap $? "what it was told is removed"
stop_poster 0
tap $? "the first backend closes, all committed"
stop_acctringd
tap $? "acctringd stops cleanly"
tap_end
