#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 150
# acctring-netback on TAP devices in a bridge: a driver domain and three guests in
# the sandbox, in a network namespace of their own; root's.
if [ -z "$NET_TAP_INSIDE" ]; then
	if [ "$(id -u)" != 0 ] || ! [ -w /dev/net/tun ] ||
		! unshare -n ip link add br0 type bridge 2>/dev/null; then
		echo "1..0 # SKIP no root, TAP devices or bridges"
		exit
	fi
	export NET_TAP_INSIDE=1
	# its /sys shows the interfaces of that namespace
	exec unshare -nm sh -c 'mount -t sysfs sys /sys && exec bash "$0"' "$0"
fi
. tests/lib/sandbox.sh
. tests/lib/toolstack.sh
. tests/lib/net.sh

# vif DOMID [NODE VALUE]...: a device with nodes of the backend's directory
vif() {
	local d=$1
	shift
	ts_device "$d" 1 vif avif 0 handle 0 mac "$(mac "$d")" -- handle 0 mac "$(mac "$d")" "$@"
}
attr() { cat "/sys/class/net/$1/$2" 2>/dev/null; }
bridge_of() { basename "$(readlink "/sys/class/net/$1/brport/bridge")"; }
is_up() { [ $(($(attr "$1" flags) & 1)) = 1 ]; }
down() { ! is_up "$1"; }
gone() { ! [ -e "/sys/class/net/$1" ]; }
back_of() { echo "/local/domain/1/backend/avif/$1/0"; }
told() { xenstore-read "$(back_of "$1")/error" 2>/dev/null; }

ip link set lo up
ip link add br0 type bridge
ip link add br1 type bridge
ip addr add 10.0.0.254/8 dev br0
ip link set br0 up
for d in 1 2 3 4; do "$xsb" create $d --name "dom$d" || break; done
background 0 drain "$BUILD/tests/prog/backend_drain" 1
drain=$last
start() { # OPTION...
	background 1 back "$bin/acctring-netback" --verbose --totals "$tmp/totals" "$@"
	back=$pid back_exec=$last
}
start --threads 2 --queues 2

# -- the device --
vif 2 bridge br0
vif 3 bridge br0
vif 4 bridge br0 vifname tap-four mtu 1400
for d in 2 3 4; do ts_wait "$(back_of $d)" 2; done
ok $? "three vifs"
is "$(bridge_of vif2.0) $(bridge_of vif3.0) $(bridge_of tap-four)" "br0 br0 br0" "TAP devices, in the bridge"
is "$(attr vif2.0 address) $(attr vif2.0 mtu) $(attr tap-four mtu) $(attr vif2.0 tx_queue_len)" \
	"fe:ff:ff:ff:ff:ff 1500 1400 256" "address, MTU and queue"
is_up vif2.0
is $? 1 "down while nobody is connected"

# -- frames --
receive 3 --queues 2 --split
receive 4
is_up vif3.0 && is_up tap-four
ok $? "up when connected"
is "$(cd /sys/class/net/vif3.0/queues && echo tx-*)" "tx-0 tx-1" "a queue for each of the guest's"
send 2 --queues 2 --split --parallel 8 --send "$(mac 3)" --count 1600 --rate 800
is "$status/$(field sent)/$(field send_errors)" 0/1600/0 "eight flows by two queues"
send 2 --send "$(mac 4)" --size 1400 --count 300 --rate 500 --blank
send 2 --send "$(mac 3)" --tcp --ipv6 --count 300 --rate 500 --blank
stop 3 4
is "$(of 3 received)/$(of 3 late)/$(of 3 bad)" 1900/0/0 "all crossed the bridge"
at_least "$(of 3 queues)" 2 "by both queues"
is "$(of 4 received)/$(of 4 blank)/$(of 4 bad)" 300/300/0 "checksums are left to who takes that"
soon 5 down vif3.0
ok $? "down again when the guest has gone"

# -- frames that are to be cut --
# slowly: what is cut is a burst, and a busy machine's receiver is late
for ip in 4 6; do
	v6=() head=54
	[ $ip = 4 ] || v6=(--ipv6) head=74
	cuts=$(((60000 - head + 1299) / 1300))
	receive 3
	receive 4 --no-gso
	send 2 --send "$(mac 3)" --gso 1300 --size 60000 --count 50 --rate 100 "${v6[@]}"
	is "$status/$(field send_errors)" 0/0 "IPv$ip: frames of 60000 bytes"
	send 2 --send "$(mac 4)" --gso 1300 --size 60000 --count 20 --rate 10 "${v6[@]}"
	stop 3 4
	is "$(of 3 received)/$(of 3 large)/$(of 3 received_bytes)/$(of 3 bad)" "50/50/3000000/0" \
		"IPv$ip: whole through the bridge"
	is "$(of 4 received)/$(of 4 large)/$(of 4 blank)/$(of 4 lost)/$(of 4 bad)" \
		"$((20 * cuts))/0/$((20 * cuts))/0/0" "IPv$ip: cut by the kernel for who does not take them"
	receive 4 --no-gso --no-csum
	send 2 --send "$(mac 4)" --gso 1300 --size 60000 --count 10 --rate 10 "${v6[@]}"
	stop 4
	is "$(of 4 received)/$(of 4 blank)/$(of 4 bad)" "$((10 * cuts))/0/0" "IPv$ip: with checksums"
done

# -- the host --
receive 3
ip neigh replace 10.0.0.3 lladdr "$(mac 3)" dev br0
for i in 1 2 3 4 5; do echo "from the host $i" >/dev/udp/10.0.0.3/999; done
stop 3
at_least "$(of 3 other)" 5 "datagrams of the host's own"

# -- who takes nothing --
receive 4 --buffers 16 --stall 1
receive 3
rss() { sed -n 's/^VmRSS:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$back/status"; }
before=$(rss)
send 2 --send "$(mac 4)" --size 1400 --count 3000
send 2 --send "$(mac 3)" --count 300 --rate 500
is "$status" 0 "a receiver without buffers does not stop its sender"
after=$(rss)
[ -n "$SANITIZE" ] || at_least $((before + 4096)) "$after" "nor fills the backend's memory ($before kB)"
stop 3 4
is "$(of 3 received)/$(of 3 lost)" 300/0 "nor anybody else"

# -- what is not there --
ts_detach 4 vif 0
is "$?" 0 "detached"
gone tap-four
ok $? "the TAP goes with the device"
vif 4 bridge nobridge
ts_wait "$(back_of 4)" 5
like "$(told 4)" 'cannot put a TAP device vif4.0 into bridge nobridge: No such device' "no such bridge"
gone vif4.0
ok $? "and no TAP is left"
ts_forget 4 vif 0
sleep 0.3
vif 4 bridge br0 vifname vif3.0
ts_wait "$(back_of 4)" 5
like "$(told 4)" 'vif3.0 into bridge br0: File exists' "the name is another's"
ts_forget 4 vif 0
sleep 0.3
vif 4 bridge br0 vifname a/b
ts_wait "$(back_of 4)" 5
like "$(told 4)" 'vifname: a/b: no name of an interface' "or none at all"
ts_forget 4 vif 0
sleep 0.3
vif 4 # no bridge: the switch
receive 4
receive 3
send 2 --send "$(mac 4)" --count 100 --rate 1000
stop 3 4
is "$(of 4 received)" 0 "bridge and switch are not joined"

# -- killed, and the books --
kill -TERM "$back"
wait "$back_exec"
is $? 0 "SIGTERM ends it with 0"
gone vif2.0 && gone vif3.0
ok $? "no TAP is left"
wait "$drain"
is $? 0 "the accountant's end saw it go"
t=$tmp/totals d=$tmp/drain.out
books "$t" "$d"
is "$(sum "$d" 6 '$2 == 3 && $5 == 7 && $4 != "-"')" 0 "through a bridge the sender is not known"
for d in 2 3 4; do ts_forget $d vif 0; done
start --bridge br1
vif 2
vif 3 bridge br0
ts_wait "$(back_of 2)" 2
ts_wait "$(back_of 3)" 2
is "$(bridge_of vif2.0) $(bridge_of vif3.0)" "br1 br0" "--bridge is for those that have none"
kill -9 "$back"
wait "$back_exec" 2>/dev/null
soon 5 gone vif2.0
ok $? "after kill -9 no TAP is left"
ts_forget 2 vif 0
ts_forget 3 vif 0
start --switch
vif 3 bridge br0
ts_wait "$(back_of 3)" 2
gone vif3.0
ok $? "--switch takes no bridge"
kill "$back"
wait "$back_exec"
grep -qE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log"
is $? 1 "no sanitizer has complained"
echo "1..$n"
