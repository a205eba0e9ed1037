# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Guests on the kernel's own xen-blkback and xen-netback, and acctring-kernback --guard: one
# reads its disk as fast as it can, then floods the other with frames, each without a limit
# and with one of 5 % of a CPU.  What it is charged in all and in the worst second, and how
# long the other's reads take beside it.  Then who limits is killed, and comes again.
# Not in make check-xen: make check-xen CASE=guard-kernel  (docs/kernel-backends.md)
# limit: 400
# bed: none
. /bed/toolstack.sh
. "$bed/lib-charged.sh"
export ACCTRING_SOCKET=/tmp/acctringd.sock
ours=/sys/fs/cgroup/acctring-kernback
stock_guests offender neighbour
f=$(domid offender)
in_guest offender 10 'ifconfig eth0 10.9.0.2 up'
in_guest neighbour 10 'ifconfig eth0 10.9.0.3 up'
printf 'drivers = ( { domain = "0"; accountant = "0"; } );\n' >"$run/collector.conf"
start_at dom0 collector "acctring-collector -v -c $run/collector.conf"
echo 'guard = "on";' >"$run/acctringd.conf"
start_at dom0 acctringd "sh -c 'renice -n -15 -p \$\$; exec acctringd -v -c $run/acctringd.conf -d /tmp/ledger.db -s /tmp/acctringd.sock'"
until_ok 20 acctctl dump ledger >/dev/null || fail "no accountant: $(log_of dom0 acctringd)"
echo -cpu >/sys/fs/cgroup/cgroup.subtree_control || : # as it is where nobody needs it
controls=$(cat /sys/fs/cgroup/cgroup.subtree_control)
kernback() {
	start_at dom0 kernback 'acctring-kernback -v --guard --totals /tmp/kern.tsv'
	until_ok 60 grep -q 'billing the kernel' /tmp/kernback.log || fail "$(log_of dom0 kernback)"
}
kernback
diag "$(grep billing /tmp/kernback.log)"

reads() { # 2 MiB, ms
	local began
	began=$(date +%s%N)
	io_read neighbour 2 >/dev/null 2>&1
	echo $((($(date +%s%N) - began) / 1000000))
}
limited() { [ -e "$ours/vm-$f/cpu.max" ]; }
# holds WHAT: it is free, then it has a limit of 5 %
holds() {
	local beside
	sleep 2
	look 8
	free=$mean
	beside=$(reads)
	acctctl limit offender 5% >&2
	until_ok 10 limited || fail "not limited: $(log_of dom0 kernback)"
	sleep 5
	for _ in 1 2 3; do # where other work stops the emulator for a second, leases end
		look 20
		cat "$run/looks" >"$results/guard-kernel-$1.json"
		diag "$1, limit 5 %: $mean % over the run, seconds from $low to $worst % ($looks looks); free $free %"
		awk -v m="$mean" -v f="$free" 'BEGIN { exit !(f > 7 && m >= 4.5 && m <= 5.5) }' && break
	done
	diag "a neighbour reads 2 MiB in $(reads) ms beside it, $beside without the limit, $alone alone"
	acctring-kernback --list | grep "^quota" | while read -r l; do diag "$l"; done
	awk -v m="$mean" -v f="$free" 'BEGIN { exit !(f > 7 && m >= 4.5 && m <= 5.5) }' ||
		fail "$1, limit 5 %, free $free %: $mean %, worst second $worst %"
}
alone=$(reads)
io_start offender
holds reads
acctctl limit --list >&2
not_there() { [ ! -e "$1" ]; }
acctctl limit offender --clear >&2
until_ok 5 not_there "$ours" || fail "cleared, and there is $(ls -R $ours)"
is "$(cat /sys/fs/cgroup/cgroup.subtree_control)" "$controls" "controllers at the root"
io_stop offender

in_guest offender 5 'flood send udp 10.9.0.3 6000 1000 600000 >/dev/null 2>&1 & echo $! >/tmp/flood.pid'
holds frames
in_guest offender 60 'ping -c 3 -w 50 10.9.0.3' >&2 || fail "a limited sender is given nothing"

# the accountant is killed: free when the lease ends
at dom0 5 'kill -KILL $(cat /tmp/acctringd.pid) $(pidof acctringd)'
began=$(date +%s%N)
until_ok 5 not_there "$ours" || fail "still limited"
diag "the accountant is killed: free after $((($(date +%s%N) - began) / 1000000)) ms"
start_at dom0 acctringd "acctringd -v -c $run/acctringd.conf -d /tmp/ledger.db -s /tmp/acctringd.sock"
until_ok 20 limited || fail "not limited again: $(log_of dom0 kernback)"
# the poster: the next takes back what it set
stop_at dom0 kernback KILL
limited || fail "the cgroup is gone"
kernback
until_ok 20 limited || fail "not limited again: $(log_of dom0 kernback)"
stop_at dom0 kernback || fail "kernback does not end: $(log_of dom0 kernback)"
until_ok 5 not_there "$ours" || fail "ended, and there is $(ls -R $ours)"
is "$(cat /sys/fs/cgroup/cgroup.subtree_control)" "$controls" "controllers at the root"
is "$(cat "/proc/$(pgrep "^vif$f.0-q0-guest" | head -n 1)/cgroup")" 0::/ "a thread's cgroup"
in_guest offender 5 'kill $(cat /tmp/flood.pid)'
ip link del br0
clean_log
