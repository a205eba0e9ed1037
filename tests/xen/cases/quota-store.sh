# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What other domains do to the store: a guest holds a transaction open, 25
# domains set watches and never read (bare ones: dom0 speaks for them on rings of
# their own).  100 VMs are served and billed meanwhile, and a disk is plugged in.
# All is measured twice, idle and busy, so that the bounds are of this machine.  Then,
# with that load still on, 210 processes of the driver domain attach at once.
# limit: 500
# bed: oxenstored xenstored
# shellcheck disable=SC2154 # by lib.sh
. "$bed/lib-crowd.sh"
trap 'bare end /run/bed/bare' EXIT
period=3000
guests drv:driver g
b=$(domid drv) g=$(domid g)
diag "$(bare make /run/bed/bare "$b" 100 25)"
accounting drv drv
sed -i "s/bill_period_ms = [0-9]*/bill_period_ms = $period/" "$run/collector.conf"
kill -HUP "$(cat /tmp/collector.pid)"
file=$(at drv 10 'truncate -s 16M /tmp/disk && echo /tmp/disk')
start_at drv blkback 'acctring-blkback -v'
until_ok 100 xenstore-exists /local/domain/1099/acctring/bill || fail "no first bills: $(log_of dom0 collector)"
step "the first bills"

plug() { # DEVICE: a disk for g, until both ends are connected; how long it took
	local began back=/local/domain/$b/backend/abd/$g/$1
	began=$(date +%s%N)
	ts_vbd "$g" "$b" "$1" "$file" w || fail "no disk"
	ts_wait "$back" "$disk_state" "$((40 * slow))" || fail "disk $1: state $(ts_state "$back"), $(log_of drv blkback)"
	echo $((($(date +%s%N) - began) / 1000000))
}
# look NAME DEVICE: until each bill was written three times; sets NAME_{bills,pulse,plug}
look() {
	local took watcher
	start_at drv poster 'poster bills 900 1000 100'
	at drv 60 'until grep -q attached_ms /tmp/poster.out; do sleep 0.2; done'
	billwatch 1000 100 3 $((90 * slow)) >"$1.bills" &
	watcher=$!
	took=$(plug "$2")
	wait $watcher
	stop_at drv poster || fail "poster does not end"
	printf -v "$1_plug" %s "$took"
	printf -v "$1_bills" %s "$(cat "$1.bills")"
	printf -v "$1_pulse" %s "$(at drv 10 'tail -n 1 /tmp/poster.out')"
	step "looked at it $1"
}
look idle 51712
at g 15 "xsload hold 3000 >/tmp/hold & until grep -q held /tmp/hold; do sleep 0.1; done"
diag "$store: $(bare watch /run/bed/bare "$b"); a guest holds a transaction"
look busy 51728
full=$(bare full /run/bed/bare)
diag "bills of 100 VMs, period $period ms: idle: $idle_bills; busy: $busy_bills; full rings: $full"
diag "accountant: idle: $idle_pulse; busy: $busy_pulse"
diag "a disk, from the toolstack's nodes to connected: idle $idle_plug ms, busy $busy_plug ms"
for what in idle busy; do
	bills=${what}_bills pulse=${what}_pulse
	least "times that each bill was written, $what" 3 "$(field "${!bills}" least_writes)"
	is "$(field "${!pulse}" left)" 0 "posts not committed, $what"
	printf -v "${what}_still" %s "$(field "${!bills}" longest_ms)"
	printf -v "${what}_wait" %s "$(field "${!pulse}" longest_ms)"
done
# shellcheck disable=SC2154 # by printf -v
most "longest that a bill stood still, busy (ms)" $((4 * idle_still + 3 * period * slow)) "$busy_still"
# shellcheck disable=SC2154
most "longest without a commit, busy (ms)" $((4 * idle_wait + 2000 * slow)) "$busy_wait"
most "attach, busy (ms)" $((5000 * slow)) "$(field "$busy_pulse" attached_ms)"
most "a disk, busy (ms)" $((3 * idle_plug + 5000 * slow)) "$busy_plug"
is "$full" 25 "rings that nobody reads and that are full"

# it has grants of its own
stop_at drv blkback || fail "blkback does not end: $(log_of drv blkback)"
crowd 100
is "$(in_guest g 10 'grep -c end: /tmp/hold; :')" 0 "transactions that ended before the load did"
clean_log
