# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The accountant is stopped, its worker killed, its holder killed, both killed,
# while a guest reads its disk.  Reading goes on, so does the bill; nothing is lost.
# on: xen sandbox
# limit: 180
# bed: xenstored
memory=96 guest reader
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
disk reader dom0 16M
io_start reader
until_ok 30 has_bill reader || fail "no bill"

served() { # posts that the backend made
	in_dom0 15 'rm -f /tmp/vbd.tsv; kill -USR1 $(cat /tmp/blkback.pid)
		until [ -s /tmp/vbd.tsv ]; do sleep 0.1; done
		awk "!/^#/ { s += \$5 } END { print s + 0 }" /tmp/vbd.tsv'
}
more_served() { [ "$(served)" -gt "$1" ]; }
holder() { in_dom0 15 'cat /tmp/acctringd.pid'; }
worker() { in_dom0 15 'h=$(cat /tmp/acctringd.pid); cut -d " " -f 1 /proc/$h/task/$h/children'; }
ended() { in_dom0 15 "[ ! -e /proc/$1 ] || grep -q '^State:.Z' /proc/$1/status"; }
other_worker() { local w && w=$(worker) && [ -n "$w" ] && [ "$w" != "$1" ]; }
again() { start_at dom0 acctringd 'acctringd -v -d /tmp/ledger.db -s /tmp/acctringd.sock'; }
billed_more() { local n && n=$(posted reader) && [ "$n" -gt "$1" ]; }
# WHAT: more posts than a ring holds are made while nobody reads it
while_down() {
	local before
	before=$(served)
	until_ok 60 more_served $((before + 1100)) ||
		fail "$1: the disk waits: $before posts, then $(served)"
	diag "$1: $(($(served) - before)) posts while there was no accountant"
}
goes_on() { # WHAT NS
	until_ok 30 billed_more "$2" ||
		fail "$1: the bill stands: $(bill_of reader), $(log_of dom0 acctringd)"
}

n=$(posted reader)
stop_at dom0 acctringd || fail "acctringd does not end"
while_down SIGTERM
again
goes_on SIGTERM "$n"

n=$(posted reader) w=$(worker)
in_dom0 15 "kill -9 $w"
until_ok 10 other_worker "$w" || fail "no new worker: $(log_of dom0 acctringd)"
goes_on "worker killed" "$n"

n=$(posted reader) w=$(worker) h=$(holder)
in_dom0 15 "kill -9 $h"
until_ok 10 ended "$w" || fail "the worker outlives its holder"
while_down "holder killed"
again
goes_on "holder killed" "$n"

n=$(posted reader) w=$(worker) h=$(holder)
in_dom0 15 "kill -9 $w $h"
until_ok 10 ended "$h"
until_ok 10 ended "$w"
again
goes_on "both killed" "$n"
io_stop reader
conserved dom0 dom0
is "$(at dom0 10 'acctctl dump domains' |
	awk -F '\t' '!/^#/ { s += $10 } END { print s + 0 }')" 0 "epochs lost"
clean_log
