# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What other domains do to the store: a guest holds a transaction open, 25
# domains set watches and never read (bare ones: dom0 speaks for them on rings of
# their own).  100 VMs are served and billed meanwhile, a disk is plugged in, and
# as many processes as the domain has grants for attach at once.
# limit: 400
# bed: xenstored
trap 'bare end /run/bed/bare' EXIT
period=5000 window=$((20 * slow))
guests drv:driver g
b=$(domid drv) g=$(domid g)
diag "$(bare make /run/bed/bare "$b" 100 25)"
accounting drv drv
sed -i "s/bill_period_ms = [0-9]*/bill_period_ms = $period/" "$run/collector.conf"
kill -HUP "$(cat /tmp/collector.pid)"
file=$(at drv 10 'truncate -s 16M /tmp/disk && echo /tmp/disk')
start_at drv blkback 'acctring-blkback -v'
until_ok 100 xenstore-read /local/domain/1099/acctring/bill >/dev/null || fail "no first bills: $(log_of dom0 collector)"

plug() { # DEVICE: a disk for g, until both ends are connected; how long it took
	local began back=/local/domain/$b/backend/abd/$g/$1
	began=$(date +%s%N)
	ts_vbd "$g" "$b" "$1" "$file" w || fail "no disk"
	ts_wait "$back" "$disk_state" "$((40 * slow))" || fail "disk $1: state $(ts_state "$back"), $(log_of drv blkback)"
	echo $((($(date +%s%N) - began) / 1000000))
}
poster="poster bills $((window + 10 * slow)) 1000 100 >/tmp/pulse 2>&1 & echo \$! >/tmp/poster.pid"
pulse='while [ -e /proc/$(cat /tmp/poster.pid) ]; do sleep 0.2; done; cat /tmp/pulse'
field() { sed -n "s/.*\\<$2=\\([0-9]*\\).*/\\1/p" <<<"$1"; }
# look NAME DEVICE: sets NAME_{bills,pulse,plug}
look() {
	local took watcher
	at drv 30 "$poster; until grep -q attached_ms /tmp/pulse; do sleep 0.1; done"
	billwatch 1000 100 "$window" >"$1.bills" &
	watcher=$!
	took=$(plug "$2")
	wait $watcher
	printf -v "$1_plug" %s "$took"
	printf -v "$1_bills" %s "$(cat "$1.bills")"
	at drv 60 "$pulse" >"$1.pulse"
	printf -v "$1_pulse" %s "$(tail -n 1 "$1.pulse")"
}
look idle 51712
at g 15 "xsload hold 3000 >/tmp/hold & until grep -q held /tmp/hold; do sleep 0.1; done"
diag "$store: $(bare watch /run/bed/bare "$b"); a guest holds a transaction"
look busy 51728
diag "bills of 100 VMs, period $period ms: idle: $idle_bills; busy: $busy_bills; full rings: $(bare full /run/bed/bare)"
diag "accountant: idle: $idle_pulse; busy: $busy_pulse"
diag "a disk, from the toolstack's nodes to connected: idle $idle_plug ms, busy $busy_plug ms"
most() { # WHAT LIMIT VALUE
	[ "${3:-$(($2 + 1))}" -le "$2" ] || fail "$1: $3, at most $2"
}
for what in idle busy; do
	seen=${what}_bills
	is "$(field "${!seen}" changed)" 100 "bills that changed, $what"
	most "longest that a bill stood still, $what (ms)" $((3 * period * slow)) "$(field "${!seen}" longest_ms)"
	seen=${what}_pulse
	most "longest without a commit, $what (ms)" $((2000 * slow)) "$(field "${!seen}" longest_ms)"
	is "$(field "${!seen}" left)" 0 "posts not committed, $what"
done
most "attach, busy (ms)" $((5000 * slow)) "$(field "$busy_pulse" attached_ms)"
most "a disk, busy (ms)" $((3 * idle_plug + 5000 * slow)) "$busy_plug"

# as many processes at once as there are grants for, the load still on
stop_at drv blkback || fail "blkback does not end: $(log_of drv blkback)"
crowd=$(at drv 100 "$poster
	poster crowd 210 $((60 * slow)) >/tmp/crowd 2>&1 & echo \$! >/tmp/crowd.pid
	until grep -q attached= /tmp/crowd; do sleep 0.5; done; cat /tmp/crowd")
nodes=$(xenstore-ls -fp "/local/domain/$b" | grep -c "([nrwb]${b}[,)]") || :
room=$(at drv 120 'xsload room') || room='not measured, it took too long'
diag "$crowd"
diag "$store: the driver domain has $nodes nodes of its own then (1000 allowed); free: $room"
crowd_pulse=$(at drv 60 "kill -CONT \$(cat /tmp/crowd.pid); while [ -e /proc/\$(cat /tmp/crowd.pid) ]; do sleep 0.2; done; $pulse")
diag "accountant meanwhile: $crowd_pulse"
most "processes that are not attached" 10 "$((210 - $(field "$crowd" attached)))"
is "$(field "$crowd" no_space)" "$((210 - $(field "$crowd" attached)))" "processes that are told: no space"
most "the last one attached after (ms)" $((60000 * slow)) "$(field "$crowd" last_after_ms)"
most "longest without a commit while they attach (ms)" $((5000 * slow)) "$(field "$crowd_pulse" longest_ms)"
most "nodes" 900 "$nodes"
most "transactions that ended before the load did" 0 "$(in_guest g 10 'grep -c end: /tmp/hold; :')"
clean_log
