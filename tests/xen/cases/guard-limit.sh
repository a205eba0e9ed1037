# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A guest that reads as fast as it can, from a disk of dom0, with a limit of 5 % of a CPU:
# what it is charged by dom0's own clock, in all and in the worst second, without
# the limit and with it; and how long a neighbour's reading takes beside it.  Then one
# that floods that neighbour with frames.
# limit: 400
# bed: oxenstored
. "$bed/lib-charged.sh"
guests offender neighbour
printf 'drivers = ( { domain = "0"; accountant = "0"; } );\n' >"$run/collector.conf"
start_at dom0 collector "acctring-collector -v -c $run/collector.conf"
echo 'guard = "on";' >"$run/acctringd.conf"
start_at dom0 acctringd "sh -c 'renice -n -15 -p \$\$; exec acctringd -v -c $run/acctringd.conf -d /tmp/ledger.db -s /tmp/acctringd.sock'"
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
disk offender dom0 64M
disk neighbour dom0 64M
export ACCTRING_SOCKET=/tmp/acctringd.sock
f=$(domid offender)
reads() { # takes so many ms
	local began
	began=$(date +%s%N)
	io_read neighbour 2 >/dev/null 2>&1
	echo $((($(date +%s%N) - began) / 1000000))
}
charge() { acctctl dump ledger 2>/dev/null | awk -F '\t' -v f="$f" '$2 == f && $5 > 0 { ok = 1 } END { exit !ok }'; }

# holds WHAT: it is free, then it has a limit of 5 %
holds() {
	acctctl limit offender 5% >&2
	sleep 4
	# where other work stops the emulator for a second, leases end: looked at again
	for _ in 1 2 3; do
		look 25
		cat "$run/looks" >"$results/guard-limit-$1.json"
		diag "$1, limit 5 %: $mean % over the run, seconds from $low to $worst % ($looks looks); free $free %"
		awk -v m="$mean" -v w="$worst" -v f="$free" 'BEGIN { exit !(f > 10 && m >= 4.5 && m <= 5.5 && w <= 7.5) }' && return
	done
	fail "$1, limit 5 %, free $free %: $mean %, worst second $worst %"
}
alone=$(reads)
io_start offender
until_ok 30 charge || fail "nothing is charged: $(log_of dom0 acctringd)"
look 10
free=$mean
beside=$(reads)
holds reads
diag "a neighbour reads 2 MiB in $(reads) ms beside it, $beside without the limit, $alone alone"
acctctl limit --list >&2
io_stop offender

# frames: what it costs to give them to the neighbour is the sender's, too
start_at dom0 netback 'acctring-netback -v --totals /tmp/vif.tsv'
for n in 1:offender 2:neighbour; do
	acctctl attach nic "${n#*:}" 0 --mac "00:16:3e:00:00:0${n%:*}" --wait >&2 || fail "attach: $(log_of dom0 netback)"
	in_guest "${n#*:}" 10 "ifconfig eth0 10.0.0.${n%:*} up"
done
in_guest offender 30 'ping -c 3 -w 25 10.0.0.2' >&2 || fail "no ping: $(log_of dom0 netback)"
acctctl limit offender --clear >&2
in_guest neighbour 5 'flood count udp 6000 0 600000 >/dev/null 2>&1 & echo $! >/tmp/count.pid'
in_guest offender 5 'flood send udp 10.0.0.2 6000 1000 600000 >/dev/null 2>&1 & echo $! >/tmp/flood.pid'
sleep 2
look 8
free=$mean
holds frames
# one answer, behind all the frames of its own that wait
in_guest offender 90 'ping -c 1 -W 80 10.0.0.2' >&2 || fail "a limited sender is given nothing: $(log_of dom0 netback)"

# who limits is killed: the guest is free when its lease ends, after a second at most
burned() { at dom0 5 'cat /proc/$(cat /tmp/netback.pid)/stat' | awk '{ print $14 + $15 }'; }
at dom0 5 'kill -KILL $(cat /tmp/acctringd.pid) $(pidof acctringd)'
sleep 1
before=$(burned)
sleep 2
after=$(burned)
diag "the accountant is killed: netback burns $((after - before)) of 200 ticks"
[ $((after - before)) -gt 30 ] || fail "still limited"
in_guest offender 5 'kill $(cat /tmp/flood.pid)'
in_guest neighbour 5 'kill $(cat /tmp/count.pid)'
clean_log
