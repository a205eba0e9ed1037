# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Two guests' own xen-netfront in a bridge of dom0's, by TAP devices of
# acctring-netback: two queues, split event channels, segmentation and checksums
# left to the other side; TCP in all directions and its contents, iperf3, large
# pings, an MTU of its own, who pays, and that nothing is lost.
# limit: 200
# bed: oxenstored
modprobe tun
modprobe bridge
ip link add br0 type bridge
ip addr add 10.9.0.254/24 dev br0
ip link set br0 up
accounting dom0 dom0
start_at dom0 netback 'acctring-netback -v --threads 2 --queues 2 --totals /tmp/vif.tsv'
extra=xen_netfront.max_queues=2 guest_create a
extra=xen_netfront.max_queues=2 guest_create b
guest_up a
guest_up b
logs() { log_of dom0 netback; }
acctctl attach nic a 0 --mac 00:16:3e:00:09:01 --bridge br0
acctctl attach nic b 0 --mac 00:16:3e:00:09:02 --bridge br0 --mtu 4000
for g in a b; do
	d=$(domid $g) back=/local/domain/0/backend/avif/$(domid $g)/0
	ts_wait "$back" 4 40 || fail "$g's vif: backend $(ts_state "$back"), frontend $(
		ts_state "/local/domain/$d/device/vif/0"): $(logs)"
	is "$(xenstore-read "/local/domain/$d/device/vif/0/multi-queue-num-queues")" 2 "queues of $g"
	xenstore-exists "/local/domain/$d/device/vif/0/queue-1/event-channel-rx" || fail "no split channels"
	is "$(cat "/sys/class/net/vif$d.0/brport/bridge/uevent" | sed -n 's/INTERFACE=//p')" br0 "the bridge of $g"
	until_ok 10 grep -qx fe:ff:ff:ff:ff:ff "/sys/class/net/vif$d.0/address" || fail "the TAP's address"
done
is "$(cat "/sys/class/net/vif$(domid a).0/mtu") $(cat "/sys/class/net/vif$(domid b).0/mtu")" "1500 4000" MTU
is "$(cd "/sys/class/net/vif$(domid a).0/queues" && echo tx-*)" "tx-0 tx-1" "queues of the TAP"
ethtool -k "vif$(domid a).0" >"$run/offloads"
for o in tcp-segmentation-offload tx-tcp6-segmentation tx-checksum-ip-generic; do
	grep -q "$o: on" "$run/offloads" || fail "$o is off: $(cat "$run/offloads")"
done
in_guest a 10 'ifconfig eth0 10.9.0.1 up'
in_guest b 10 'ifconfig eth0 10.9.0.2 up'
step "pings"
in_guest a 40 'ping -c 3 10.9.0.2 && ping -c 3 -s 8000 10.9.0.2 && ping -c 2 -s 60000 10.9.0.254' >"$run/ping" ||
	fail "no ping: $(cat "$run/ping") $(logs)"
# b's larger frames do not get out: its bridge has the smaller MTU, and it would be told
in_guest b 10 'ifconfig eth0 mtu 4000; ifconfig eth0 mtu 1500' || fail "b's MTU"

step "TCP, contents checked"
sink() { # WHERE: it waits for a sender
	at "$1" 10 'netload sink 5000 3 >/tmp/sink 2>&1 & echo $! >/tmp/sink.pid'
}
sunk() { # WHERE MIB: all has come, and right
	at "$1" 60 'while [ -e /proc/$(cat /tmp/sink.pid) ]; do sleep 0.2; done; cat /tmp/sink' >"$run/sink"
	grep -q "tcp bytes=$(($2 << 20)) bad=0" "$run/sink" || fail "TCP to $1: $(cat "$run/sink") $(logs)"
	grep -q 'datagrams=[0-9]* .*bad=0' "$run/sink" || fail "UDP to $1: $(cat "$run/sink")"
}
addr() { case $1 in a) echo 10.9.0.1 ;; b) echo 10.9.0.2 ;; *) echo 10.9.0.254 ;; esac }
tcp() { # FROM TO MIB
	sink "$2"
	at "$1" 90 "netload tcp $(addr "$2") 5000 $3; netload udp $(addr "$2") 5000 200 1400 500" >"$run/load" ||
		fail "TCP from $1: $(cat "$run/load") $(logs)"
	sunk "$2" "$3"
}
tcp a b 8
tcp b a 8
tcp a dom0 8
tcp dom0 b 8
# a packet of many segments crossed the bridge as one: fewer frames than segments
d=$(domid a)
frames=$(cat "/sys/class/net/vif$d.0/statistics/rx_packets") bytes=$(cat "/sys/class/net/vif$d.0/statistics/rx_bytes")
diag "a sent $bytes bytes in $frames frames to its TAP"
[ $((bytes / frames)) -gt 2000 ] || fail "segmentation is not left to others: $bytes bytes in $frames frames"

step "iperf3"
mkdir -p /tmp/iperf/lib
cp -L "$(command -v iperf3)" /tmp/iperf/
ldd "$(command -v iperf3)" | awk '/=> \// { print $3 }' | xargs -I % cp -L % /tmp/iperf/lib/
tar -C /tmp -cf /tmp/iperf.tar iperf
for g in a; do
	in_guest $g 10 'nc -l -p 5001 >/tmp/iperf.tar & echo $! >/tmp/nc.pid'
	sleep 1
	perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("'"$(addr $g)"':5001") or exit 1;
		open(my $f, "<", "/tmp/iperf.tar"); binmode $f; local $/ = \65536; print $s $_ while <$f>; close $s' ||
		fail "no copy of iperf3 to $g"
	in_guest $g 60 'while [ -e /proc/$(cat /tmp/nc.pid) ]; do sleep 0.2; done; cd /tmp && tar -xf iperf.tar &&
		md5sum iperf.tar' >"$run/sum"
	is "$(cut -d' ' -f1 <"$run/sum" | tail -n 1)" "$(md5sum </tmp/iperf.tar | cut -d' ' -f1)" "what came of it"
done
bg iperf3 -s
for dir in "" -R; do
	in_guest a 60 "cd /tmp/iperf && LD_LIBRARY_PATH=lib ./iperf3 -c 10.9.0.254 -P 2 -t 4 $dir" >"$run/iperf" ||
		fail "iperf3 $dir: $(cat "$run/iperf") $(logs)"
	diag "iperf3 $dir: $(grep 'SUM.*receiver' "$run/iperf")"
done

step "the bill"
has_vif() { bill_of "$1" 2>/dev/null | grep -q 'vif_ns=[1-9]'; }
for g in a b; do
	until_ok 20 has_vif $g || fail "no vif on the bill of $g: $(bill_of $g)"
	diag "bill of $g: $(bill_of $g)"
done
d=$(domid a)
acctctl detach a 0 || fail "detach: $(logs)"
no_node "/local/domain/0/backend/avif/$d" || fail "left: $(xenstore-ls /local/domain/0/backend)"
[ ! -e "/sys/class/net/vif$d.0" ] || fail "the TAP is still there"
stop_at dom0 netback || fail "netback does not end: $(logs)"
[ ! -e "/sys/class/net/vif$(domid b).0" ] || fail "the TAP is still there"
acctctl dump accounts --socket /tmp/acctringd.sock >/tmp/dump.tsv
awk -f "$bed/conserved.awk" /tmp/dump.tsv /tmp/vif.tsv /tmp/netback.out >"$run/conserved" ||
	fail "not conserved: $(cat "$run/conserved")"
diag "$(tail -n 1 "$run/conserved")"
units() { awk -F '\t' -v d="$1" -v c="$2" '$2 == d && $4 == c { u += $6; p += $5 } END { print u + 0, p + 0 }' /tmp/vif.tsv; }
read -r u p <<<"$(units "$d" tx)"
[ "$u" -gt $((p * 2)) ] || fail "frames on the wire $u, records $p"
diag "a: $u frames on the wire in $p records"
ip link del br0
clean_log
