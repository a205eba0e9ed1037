# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # run, results, rounds: lib.sh
# Net backends side by side: two guests, a network of each kind between them, one load.  What
# arrives a second, and what dom0 burns for it by the hypervisor, less what it burns
# idle.  (docs/performance.md)
# limit: 2000
export ACCTRING_SOCKET=/tmp/acctringd.sock
ms=2500
modprobe -a tun bridge
for br in br0 br1; do
	ip link del $br 2>/dev/null || : # of a run that failed
	ip link add $br type bridge && ip link set $br up
done
for n in 1 2; do
	guest_create g$n pv "vif=['mac=00:16:3e:00:01:0$n,bridge=br0']"
done
accounting dom0 dom0
start_at dom0 netback 'acctring-netback -v --totals /tmp/vif.tsv'
for n in 1 2; do
	guest_up g$n
	acctctl attach nic g$n 1 --mac 00:16:3e:00:02:0$n --bridge br1 --wait || fail "attach: $(log_of dom0 netback)"
	acctctl attach nic g$n 2 --mac 00:16:3e:00:03:0$n --wait || fail "attach: $(log_of dom0 netback)"
	in_guest g$n 10 "for i in 0 1 2; do ifconfig eth\$i 10.\$i.0.$n up; done"
done
for net in 0 1 2; do
	in_guest g1 30 "ping -c 3 -w 25 10.$net.0.2" || fail "network $net: $(log_of dom0 netback)"
done
a=$(domid g1) b=$(domid g2)
subjects=("1 net acctring-netback, TAP, bridge" "2 net acctring-netback, its switch" "0 net xen-netback, bridge")
loads=("udp 64" "udp 1400" "tcp 65536")
tsv=$results/bench-net.tsv
printf '#round\tnet\tload\tpackets\tns\twindow_ns\tdom0_ns\tguests_ns\n' >"$tsv"
# measure ROUND NET PROTOCOL SIZE
measure() {
	local pid f n c
	ask g2 60 "flood count $3 $port 1500 $ms" >"$run/load" &
	pid=$!
	sleep 0.5
	ask g1 60 "flood send $3 10.$2.0.2 $port $4 $((ms + 4500))" >"$run/sent" &
	sleep 2
	domcpu "$ms" 0 "$a" "$b" >"$run/cpu"
	wait "$pid" || fail "$*: $(cat "$run/load")"
	wait
	f=$(cat "$run/load") n=$(field "$(cat "$run/load")" packets)
	[ "$3" = udp ] || n=$(($(field "$f" bytes) / 1448)) # of TCP: as many as a link without offloads had
	c=$(cat "$run/cpu")
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3 $4" "$n" "$(field "$f" ns)" \
		"$(field "$c" ns)" "$(field "$c" 0)" "$(($(field "$c" "$a") + $(field "$c" "$b")))" >>"$tsv"
}
port=6000
for ((round = 1; round <= rounds; round++)); do
	domcpu "$ms" 0 >"$run/cpu"
	printf '%s\t-\tidle\t0\t0\t%s\t%s\t0\n' "$round" "$(field "$(cat "$run/cpu")" ns)" "$(field "$(cat "$run/cpu")" 0)" >>"$tsv"
	for load in "${loads[@]}"; do
		for s in "${subjects[@]}"; do
			port=$((port + 1))
			# shellcheck disable=SC2086
			measure "$round" "${s%% *}" $load
		done
	done
	step "round $round"
done
printf '%s\n' "${subjects[@]}" >"$run/subjects"
awk -v unit=packet -f /bed/bench.awk "$run/subjects" "$tsv" | while IFS= read -r l; do diag "$l"; done
ip link del br0
ip link del br1
