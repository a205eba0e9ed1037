# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Side by side in one run: acctring-netback on a TAP and the kernel's xen-netback,
# a guest with a device of each in bridges of dom0's.  What dom0 burned, as the
# hypervisor says, for a stream each way and for small datagrams each way, by frame;
# docs/performance.md.  Order: ours, theirs, theirs, ours.
# limit: 400
# bed: none
modprobe -a tun bridge xen-netback
for i in 1 2; do
	ip link add br$i type bridge
	ip addr add 10.9.$i.254/24 dev br$i
	ip link set br$i up
done
accounting dom0 dom0
start_at dom0 netback 'acctring-netback -v --totals /tmp/vif.tsv'
guest_create a - "vif=['mac=00:16:3e:00:09:02,bridge=br2,vifname=theirs']"
guest_up a
acctctl attach nic a 1 --mac 00:16:3e:00:09:01 --bridge br1
d=$(domid a)
ours=vif$d.1
ts_wait "/local/domain/0/backend/avif/$d/1" 4 40 || fail "$(log_of dom0 netback)"
until_ok 30 state_is "/local/domain/0/backend/vif/$d/0" 4 || fail "no vif of the kernel's"
in_guest a 10 'for e in eth0 eth1; do
	case $(cat /sys/class/net/$e/address) in *:01) a=10.9.1.1 ;; *) a=10.9.2.1 ;; esac
	ifconfig $e $a netmask 255.255.255.0 up; done'
mkdir -p /tmp/iperf/lib
cp -L "$(command -v iperf3)" /tmp/iperf/
ldd "$(command -v iperf3)" | awk '/=> \// { print $3 }' | xargs -I % cp -L % /tmp/iperf/lib/
tar -C /tmp -cf /tmp/iperf.tar iperf
in_guest a 10 'nc -l -p 5001 >/tmp/iperf.tar & echo $! >/tmp/nc.pid'
sleep 1
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("10.9.2.1:5001") or exit 1;
	open(my $f, "<", "/tmp/iperf.tar"); binmode $f; local $/ = \65536; print $s $_ while <$f>; close $s'
in_guest a 60 'while [ -e /proc/$(cat /tmp/nc.pid) ]; do sleep 0.2; done; cd /tmp && tar -xf iperf.tar'
bg iperf3 -s
# each by its own device, which is what is counted
for i in 1 2; do in_guest a 20 "ping -c 2 10.9.$i.254" || fail "no ping by net $i: $(log_of dom0 netback)"; done
[ "$(cat "/sys/class/net/$ours/statistics/rx_packets")" -ge 2 ] || fail "our device is not used"
burned() { # of dom0, in ms
	xl list | awk '$2 == 0 { printf "%.0f", $6 * 1000 }'
}
counted() { echo $(($(cat "/sys/class/net/$1/statistics/rx_packets") + $(cat "/sys/class/net/$1/statistics/tx_packets"))); }
volume() { echo $(($(cat "/sys/class/net/$1/statistics/rx_bytes") + $(cat "/sys/class/net/$1/statistics/tx_bytes"))); }
process_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$(cat /tmp/netback.pid)/stat"; }
run() { # NAME NIC WHICH IPERF-OPTIONS: one line
	local c=$(burned) n=$(counted "$2") v=$(volume "$2") p=$(process_ms) out ms frames bytes
	out=$(in_guest a 60 "cd /tmp/iperf && LD_LIBRARY_PATH=lib ./iperf3 -c 10.9.$3.254 -t 5 ${*:4} -f m | grep receiver") || out=failed
	c=$(($(burned) - c)) frames=$(($(counted "$2") - n)) bytes=$(($(volume "$2") - v)) p=$(($(process_ms) - p))
	diag "$1 ${*:4}: $frames frames, $bytes bytes, dom0 $c ms, $((c * 1000 / (frames ? frames : 1))) us a frame, $((c * 1000000 / (bytes ? bytes : 1))) ns a byte, netback $p ms; $(tr -s ' ' <<<"$out" | cut -d']' -f2)"
}
for what in "" "-R" "-u -b 4M -l 64" "-u -b 4M -l 64 -R"; do
	# shellcheck disable=SC2086
	{
		run ours "$ours" 1 $what
		run theirs theirs 2 $what
		run theirs theirs 2 $what
		run ours "$ours" 1 $what
	}
done
stop_at dom0 netback
for i in 1 2; do ip link del br$i; done
