#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# acctringd from the outside: who pays, what is refused, what adds up, being
# named and not named, a second one, signals, an accountant in another domain.
# timeout: 180
. "$(dirname "$0")/lib/driver.sh"
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
echo "# seed=$seed"

driver_domain
xenstore-rm /local/domain/1/acctring/backend/1/3
start_acctringd 'unresolved_ms = 60000;'
tap $? "acctringd runs"
said() { soon "${2:-5}" grep -q "$1" "$tmp/log"; }
said "^acctringd: accountant of domain 1, ledger $tmp/ledger.db ([0-9a-f]*), socket $tmp/sock\$"
tap $? "it says where it is"
said "^acctringd: this domain's CPU is measured by hypercall\$"
tap $? "and how its domain is measured"
start_poster 0 "$seed" 1
soon 10 is_attached 0
tap $? "a backend is attached"
[ "${tap_failed:-0}" = 0 ] || tap_end

# -- payers --
held() { [ "$(ledger 'SELECT count(*)>0 FROM held')" = "$1" ]; }
has_vm() { [ "$(ledger "SELECT count(*) FROM account WHERE hex(substr(uuid,1,1))='$1'")" -gt 0 ]; }
soon 5 held 1 && soon 5 has_vm 22 && ! has_vm 33
tap $? "posts for a VM that dom0 does not confirm are held"
kill -KILL "$(worker_pid)"
serves 3 $VM3_UUID 1 on
soon 10 held 0 && has_vm 33
tap $? "confirmed, after a crash of the worker: they are the VM's"
stop_poster 0
tap $? "the backend closes"
"$BUILD/tests/prog/kill_check" "$tmp" "$seed" 1
tap $? "all exact"

echo 'restart_ms = 50; unresolved_ms = 300;' > "$tmp/conf"
kill -HUP "$holder"
xenstore-rm /local/domain/1/acctring/backend/1/3
start_poster 1 "$seed" 1
refused() { [ "$(field refused_units)" -gt 0 ]; }
soon 10 refused
tap $? "SIGHUP: a shorter unresolved_ms; not confirmed in that time is refused"
serves 3 $VM3_UUID 2 on
stop_poster 1
ledger_posts() { ledger "SELECT sum(posts) FROM posted"; }
both() { [ "$(ledger_posts)" = $(($(posts 0) + $(posts 1))) ]; }
soon 5 both
tap $? "the ledger still holds every post, the refused ones apart"

# -- what adds up --
sleep 0.5
s=$(snapshot)
num() { echo "$s" | sed "s/.*\"domains\":\[{[^}]*\"$1\":\(-\{0,1\}[0-9]*\).*/\1/"; }
[ "$(num unattributed_ns)" -ge 0 ] &&
	[ $(($(num charged_ns) + $(num own_ns) + $(num unattributed_ns))) = "$(num measured_ns)" ]
tap $? "charged + own + unattributed = measured: $(num charged_ns) + $(num own_ns) + $(num unattributed_ns)"
[ "$(num charged_ns)" -gt 0 ] && [ "$(num own_ns)" -gt 0 ]
tap $? "and neither charged nor own is 0"
lane_cpu=$(ledger "SELECT sum(cpu_ns) FROM epoch")
all=$(ledger "SELECT sum(charged_ns) FROM account")
[ "$all" -le "$lane_cpu" ] && [ "$all" -gt $((lane_cpu / 2)) ]
tap $? "charged $all ns of the lanes' $lane_cpu ns"
[ "$(num overclaimed_ns)" = 0 ]
tap $? "honest backends claim no more than is measured"

# -- dom0 is a frontend, too; its handle is often all zeros --
serves 3 00000000-0000-0000-0000-000000000000 3 on
start_poster 3 "$seed" 1
soon 10 is_attached 3
tap $? "a backend serves dom0's handle"
in_snapshot() { snapshot | grep -q '"uuid":"00000000-0000-0000-0000-000000000000","domid":3'; }
soon 5 in_snapshot
tap $? "a VM of UUID 0 has its own row"
stop_poster 3
serves 3 $VM3_UUID 4 on

# -- a second one --
"$BUILD/bin/xsandbox" exec 1 -- timeout 20 "$BUILD/bin/acctringd" -d "$tmp/ledger.db" \
	-s "$tmp/sock2" 2> "$tmp/second"
[ $? = 4 ] && grep -q 'in use by another acctringd' "$tmp/second"
tap $? "a second acctringd on the same ledger: exit 4"
"$BUILD/bin/xsandbox" exec 1 -- timeout 20 "$BUILD/bin/acctringd" -d "$tmp/second.db" \
	-s "$tmp/sock" 2> "$tmp/second"
[ $? = 4 ] && grep -q "$tmp/sock" "$tmp/second"
tap $? "a second acctringd on the same socket: exit 4"

# -- named no more, and again --
start_poster 2 "$seed" 2
soon 10 is_attached 2
tap $? "another backend is attached"
xenstore-rm /local/domain/1/acctring/backend/1
not_attached() { ! is_attached 2; }
sleep 1
before=$(ledger 'SELECT sum(posts) FROM posted')
more() { [ "$(ledger 'SELECT sum(posts) FROM posted')" -gt "$before" ]; }
is_attached 2 && soon 2 more
tap $? "dom0 names its domain no more: its posts are read for a while"
soon 8 not_attached
tap $? "then detached"
said 'dom0 names no driver domain for this accountant, domain 1, allowed: .*collector.conf there, and acctring-collector$'
tap $? "an accountant whom nobody names says so"
[ "$(ledger 'SELECT count(*) FROM epoch WHERE state=1')" = 1 ]
tap $? "its epoch stays open"
sleep 0.3
serves 2 $VM2_UUID 1 on
serves 3 $VM3_UUID 4 on
xenstore-write /local/domain/1/acctring/backend/1 "v=1 uuid=$DRIVER_UUID name=driver"
soon 5 is_attached 2
tap $? "named again: attached again"
echo 'no_such_key = 1;' > "$tmp/conf"
kill -HUP "$holder"
soon 5 grep -q no_such_key "$tmp/log"
tap $? "SIGHUP with a bad file: said, and the old settings stay"
kill -KILL "$holder"
wait "$acctringd" 2>/dev/null
rm -f "$tmp/sock"
start_acctringd
soon 10 is_attached 2
tap $? "the holder killed: the worker leaves, a new acctringd takes over"
mapped() { grep -q ' r--s ' "/proc/$1/maps"; }
mapped "$holder"
tap $? "the holder has the backend's pages mapped"
kill -KILL "$(worker_pid)"
soon 10 test -n "$(worker_pid)"
stop_poster 2
tap $? "the worker killed once more; the backend closes, all committed"
unmapped() { ! mapped "$holder"; }
soon 2 unmapped
tap $? "the holder has let go of all pages"
kill -KILL "$holder" "$(worker_pid)"
wait "$acctringd" 2>/dev/null
rm -f "$tmp/sock"
start_poster 6 "$seed" 1
some_posts() { [ "$(posts 6)" -gt 1000 ]; }
soon 10 some_posts
kill -TERM "${poster[6]}"
closing() { xenstore-ls /local/domain/1/data/acctring/link | grep -q 'state=5'; }
soon 10 closing
tap $? "nobody reads: a backend that closes waits"
start_acctringd
wait "${waiter[6]}"
tap $? "an accountant that starts then takes what it has"
stop_acctringd
tap $? "acctringd stops cleanly"
[ "$(ledger_posts)" = $(($(posts 0) + $(posts 1) + $(posts 2) + $(posts 3) + $(posts 6) +
	$(od -An -tu8 -j264 -N8 "$tmp/oracle-2" | tr -d ' '))) ]
tap $? "the ledger holds every post"
[ "$(xenstore-read /local/domain/1/data/acctring/statement/state)" = 6 ]
tap $? "the statement is closed"

# -- a place that is not there --
"$BUILD/bin/xsandbox" exec 1 -- timeout 20 "$BUILD/bin/acctringd" -d "$tmp/none/ledger.db" \
	-s "$tmp/sock" 2> "$tmp/second"
[ $? = 4 ] && grep -q "^acctringd: database $tmp/none/ledger.db: directory $tmp/none: .*make it" \
	"$tmp/second"
tap $? "no directory for the ledger: exit 4, and which one to make"

# -- a dom0 that would take its statement from itself --
# shellcheck disable=SC2016
pvh() {
	unshare -rm sh -c 'mount -t tmpfs none /sys && mkdir /sys/hypervisor &&
		echo PVH > /sys/hypervisor/guest_type && exec "$@"' sh "$@"
}
if pvh true 2> /dev/null; then
	pvh timeout 20 "$BUILD/bin/acctringd" -d "$tmp/pvh.db" -s "$tmp/sock0" 2> "$tmp/second"
	[ $? = 4 ] && grep -q '^acctringd: a PVH or HVM dom0 cannot be accountant: ' "$tmp/second"
	tap $? "a PVH dom0: exit 4, and why"
else
	tap 0 "a PVH dom0: exit 4, and why # SKIP no user namespaces here"
fi

# -- no hypercalls, as Debian's kernel comes; and dom0's collector --
xenstore-rm /local/domain/1/acctring/backend/1/2
xenstore-rm /local/domain/1/acctring/backend/1/3
for f in 2 3; do
	"$BUILD/bin/xsandbox" create $f --uuid "$(echo "$DRIVER_UUID" | tr 1 $f)"
	xenstore-write /libxl/$f/device/vbd/51712/backend "/local/domain/1/backend/abd/$f/51712"
done
true > "$tmp/log"
XSANDBOX_PRIVCMD='' start_acctringd
said 'domain 1: its CPU is not measured, so nothing is charged for it: .*acctring-collector.*unrestricted=1$' 10
tap $? "neither hypercalls nor a collector: said, with what to do"
told=$(grep -c 'is not measured' "$tmp/log")
collector_conf() {
	echo "drivers = ( { domain = \"driver\"; accountant = \"$1\"; } );" > "$tmp/collector.conf"
}
collector_conf driver
ACCTRING_RUNDIR=$tmp/run "$BUILD/bin/acctring-collector" -c "$tmp/collector.conf" 2>> "$tmp/log" &
collector=$!
said "^acctringd: this domain's CPU is measured by dom0's acctring-collector\$" 10
tap $? "dom0's collector measures a domain that is its own accountant"
[ "$told" = 1 ] && [ "$(grep -c 'is not measured' "$tmp/log")" = 1 ]
tap $? "what was missing was said once"
start_poster 4 "$seed" 2 -1
charged() { [ "$(field charged_ns)" -gt 0 ] && [ "$(field measured_ns)" -gt 0 ]; }
soon 10 charged
tap $? "so there is something to charge: $(field charged_ns) of $(field measured_ns) ns"
[ $(($(field charged_ns) + $(field own_ns))) -le "$(field measured_ns)" ]
tap $? "and not more than that"

# -- dom0 names another accountant --
old=$((0x$(epoch_of 4)))
collector_conf 0
kill -HUP $collector
old_state() { [ "$(ledger "SELECT state FROM epoch WHERE epoch=$old")" = "$1" ]; }
old_state 1 && soon 8 old_state 2
tap $? "another accountant is named: the old pages are read to their end"
stop_poster 4 KILL
kill $collector
wait $collector
true > "$tmp/log"
xenstore-write /local/domain/1/acctring/backend/1 "v=1 uuid=$DRIVER_UUID name=driver"
sleep 3
! grep -q 'is not measured' "$tmp/log"
tap $? "who is named late is given time to be measured"
said 'domain 1: its CPU is not measured'
tap $? "5 s"
stop_acctringd
tap $? "acctringd stops cleanly"

# -- another ledger follows one that died --
serves 2 $VM2_UUID 1 on
serves 3 $VM3_UUID 1 on
xenstore-write /local/domain/1/acctring/backend/1 "v=1 uuid=$DRIVER_UUID name=driver"
start_acctringd
start_poster 5 "$seed" 1
soon 10 is_attached 5
epoch=$((0x$(epoch_of 5)))
clock() { ledger "SELECT sum(cpu_ns) FROM $1 WHERE epoch=$epoch"; }
counted() { [ "$(clock epoch)" -gt 0 ]; }
soon 10 counted
sleep 1
kill -KILL "$holder" "$(worker_pid)"
wait "$acctringd" 2>/dev/null
first=$(clock epoch)
mkdir "$tmp/former" && mv "$tmp"/ledger.db* "$tmp/former"
rm -f "$tmp/sock"
start_acctringd 'statement_ms = 60000;'
soon 10 counted
second=$(clock epoch) # before the lane's, which goes on
whole=$(clock lane)
[ "$first" -gt 0 ] && [ "$whole" -ge $((first + second)) ]
tap $? "no CPU is in both ledgers: $first + $second of $whole ns"
stop_poster 5
tap $? "the backend closes"
told=$("$BUILD/bin/xsandbox" exec 1 -- "$BUILD/bin/acctctl" dump accounts --socket "$tmp/sock" |
	awk -F '\t' '!/^#/ { s += $8 } END { print s + 0 }')
[ "$told" -gt 0 ] && [ "$told" = "$(ledger_posts)" ]
tap $? "acctctl is told all that was committed, however seldom a statement is made: $told posts"
stop_acctringd
tap_end
