#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A debt that no cap repays: a VM makes its driver domain burn more than what its cap leaves when it
# is at its floor.  dom0 tells the driver domain's accountant, which limits it; and no longer than
# somebody says so.
# timeout: 120
# alone
. "$(dirname "$0")/lib/driver.sh"
. tests/lib/toolstack.sh
export ACCTRING_RUNDIR=$tmp/run
prog=$BUILD/tests/prog/sandbox_cpu
line=/local/domain/1/acctring/backend/1/2
trap '[ -z "$collector" ] || kill "$collector" 2>/dev/null; rm -rf "$tmp"' EXIT

"$xsb" create 1 --name driver --uuid $DRIVER_UUID && "$xsb" create 2 --name one --uuid $VM2_UUID
truncate -s 4M "$tmp/a.img"
ts_vbd 2 1 51712 "$tmp/a.img" w
"$prog" set 2 256 20 >/dev/null
# half of the cap stays to the VM itself
echo "drivers = ( { domain = \"driver\"; accountant = \"driver\"; } ); entitlements = \"$tmp/kept\"; floor = 10;
	max_debt_share = 1000;" >"$tmp/collector.conf"
"$bin/acctring-collector" -c "$tmp/collector.conf" 2>>"$tmp/log" &
collector=$!
soon 10 test -S "$tmp/run/collector.sock"
tap $? "a collector"
soon 10 xenstore-exists $line
start_acctringd
background 1 back "$bin/acctring-blkback"
back=$pid back_exec=$last
background 2 load "$bin/acctring-blkfront" --rw randread --depth 32 --bs 44k
load=$pid load_exec=$last
ts_wait /local/domain/1/backend/abd/2/51712 4
sleep 1
burns
free=$burned
[ "$free" -ge 15 ]
tap $? "it makes the driver domain burn $free % of a CPU"
says() { [[ $(xenstore-read $line 2>/dev/null) =~ $1 ]]; }
! says ' limit='
tap $? "nothing is said of a limit in mode observe"

"$bin/acctctl" debt >/dev/null
soon 20 says '^v=1 uuid=[-0-9]* serial=1 state=on limit=100000000 limit_at=[0-9]+ name=one$'
tap $? "in debt at its floor: dom0 says what is left of its cap"
soon 5 grep -q 'domain 2 at 1: in debt that no cap repays, dom0 says: limited' "$tmp/log"
tap $? "which is heard"
limited() { for _ in 1 2 3 4 5; do burns && [ "$burned" -le 14 ] && return; done; }
sleep 2
limited
tap $? "and acts: $burned %"
sleep 4
limited
tap $? "it stays so, while it is said anew: $burned %"
echo 'guard = "observe";' >"$tmp/conf"
kill -HUP "$holder"
sleep 1
burns
[ "$burned" -ge 15 ]
tap $? "guard = observe wins over dom0: $burned %"
echo '' >"$tmp/conf"
kill -HUP "$holder"
sleep 2
limited
tap $? "else it is limited: $burned %"

"$bin/acctctl" off >/dev/null
! says ' limit=' && sleep 1 && burns && [ "$burned" -ge 15 ]
tap $? "acctctl off: not limited any more, $burned %"
"$bin/acctctl" debt >/dev/null
soon 20 says ' limit=' && sleep 2 && limited
tap $? "debt once more: $burned %"

# whoever said so is no more
kill -KILL "$collector"
wait "$collector" 2>/dev/null
collector=
says ' limit='
sleep 17
says ' limit=' && burns && [ "$burned" -ge 15 ]
tap $? "the collector is killed: the VM is free after 15 s, $burned %"

kill -TERM "$load"
wait "$load_exec"
kill -TERM "$back"
wait "$back_exec"
stop_acctringd
tap $? "all end"
tap_end
