# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A guest reads without end, through a backend in a driver domain, accountant in
# dom0.  First the accountant is killed, worker and holder: what blkback posted, it says
# itself at its end, is in the ledger exactly.  Then blkback is killed, too, between two
# kills of the worker: what it posted died with it, so the guest's kernel
# says what it got, and the ledger may differ by what was in flight.
# on: xen sandbox
# limit: 240
# bed: xenstored
guests drv:driver load
accounting drv dom0
start_at drv blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
disk load drv 64M
io_start load
dump() { at dom0 20 'acctctl dump accounts' 2>/dev/null; }
posts() { dump | awk -F '\t' '$5 == "vbd" { n += $8 } END { printf "%.0f\n", n }'; }
bytes() { dump | awk -F '\t' -v d="$1" '$5 == "vbd" && $6 == d { n += $10 } END { printf "%.0f\n", n }'; }
more() { local n && n=$(posts) && [ "${n:-0}" -gt "$seen" ]; }
kill_it() { # worker|both
	local h w
	h=$(at dom0 5 'cat /tmp/acctringd.pid') w=
	until_ok 10 eval "w=\$(cat /proc/$h/task/$h/children) && [ -n \"\$w\" ]" || fail "no worker"
	w=${w%% *}
	kills=$((kills + 1))
	kill -9 "$w" || :
	[ "$1" = both ] || return 0
	kills=$((kills + 1))
	kill -9 "$h"
	until_ok 10 eval "! [ -e /proc/$w ]"
	start_at dom0 acctringd 'acctringd -v -d /tmp/ledger.db -s /tmp/acctringd.sock'
}
kills=0 seen=0
until_ok 40 more || fail "nothing posted: $(log_of drv blkback; log_of dom0 acctringd)"
for who in worker both worker both; do
	seen=$(posts)
	kill_it "$who"
	until_ok 30 more || fail "after kill $kills ($who) nothing is posted: $(log_of dom0 acctringd)"
done
io_stop load
diag "the accountant killed $kills times with I/O in flight"
conserved drv dom0
if [ "$on" != xen ]; then
	return
fi

start_at drv blkback 'acctring-blkback -v'
at drv 10 'truncate -s 64M /tmp/second'
acctctl attach disk load xvdb /tmp/second --backend drv --wait 60 || fail "$(log_of drv blkback)"
in_guest load 10 '(while :; do dd if=/dev/xvdb of=/dev/null bs=64k iflag=direct; done) >/dev/null 2>&1 &'
some() { [ "$(bytes 51728)" -gt 2000000 ]; }
until_ok 40 some || fail "nothing of xvdb: $(dump; log_of drv blkback)"
kill_it worker
stop_at drv blkback KILL
kill_it worker
seen=-1
got() { in_guest load 10 'cat /sys/block/xvdb/stat' | awk '{ printf "%.0f\n", 512 * ($3 + $7) }'; }
still() {
	local n
	n=$(got)
	[ "$n" = "$seen" ] || { seen=$n && return 1; }
}
until_ok 20 still || fail "the guest still gets data of a dead backend"
steady() { [ "$(bytes 51728)" = "$(sleep 1; bytes 51728)" ]; }
until_ok 20 steady || fail "the ledger still moves"
ledger=$(bytes 51728)
diag "blkback and worker killed: the guest got $seen bytes, the ledger has $ledger ($((ledger - seen)))"
# what was answered is in it; and at most a ring of 32 requests of 11 pages that were not
if [ "${ledger:-0}" -le 2000000 ] || [ $((ledger - seen)) -gt 1441792 ] || [ "$seen" -gt "$ledger" ]; then
	fail "the guest got more, or the ledger more than what can be in flight"
fi
clean_log
clean_log drv
