# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Are the kernel threads that serve a guest's disk and vif taken by a cgroup, and what do
# cpu.max and io.max there do to them and to a neighbour?  (docs/kernel-backends.md, "Guard")
# limit: 400
. /bed/toolstack.sh
stock_guests offender neighbour
o=$(domid offender)
in_guest offender 10 'ifconfig eth0 10.9.0.2 up'
in_guest neighbour 10 'ifconfig eth0 10.9.0.3 up'
for v in /sys/class/net/vif*/threaded; do echo 1 >"$v"; done
cg=/sys/fs/cgroup/fact root=/sys/fs/cgroup
before=$(cat $root/cgroup.subtree_control)
diag "controllers at the root: $before"
echo "+cpu +io" >$root/cgroup.subtree_control
mkdir -p $cg
of=$(ps -e -o pid=,comm= | awk -v d="$o" '$2 ~ "^(" d "[.]|vif" d "[.]|napi/vif" d "[.])" { print $1 }')
for p in $of; do
	echo "$p" >$cg/cgroup.procs || fail "$(cat "/proc/$p/comm") cannot be moved"
	diag "moved: $(cat "/proc/$p/comm")"
done
clocks() {
	local p n ns=0
	for p in $of; do read -r n _ <"/proc/$p/schedstat" && ns=$((ns + n)); done
	echo $ns
}
use() { # SECONDS: of the offender's threads, 1/1000 of a CPU
	local a t
	t=$(date +%s%N) a=$(clocks)
	sleep "$1"
	used=$((($(clocks) - a) * 1000 / ($(date +%s%N) - t)))
}
reads() {
	local began
	began=$(date +%s%N)
	io_read neighbour 2 >/dev/null 2>&1
	echo $((($(date +%s%N) - began) / 1000000))
}
pings() {
	in_guest neighbour 60 "ping -c 60 -i 0.05 10.9.0.1 | sed -n 's/.*time=\\([0-9.]*\\).*/\\1/p' | sort -n" |
		awk '{ t[NR] = $1 } END { print t[int(NR / 2)], t[int(NR * .95)], t[NR] }'
}
say() { # WHAT
	use 6
	diag "$1: threads $used/1000; the neighbour reads 2 MiB in $(reads) $(reads) $(reads) ms, pings p50, p95, most $(pings) ms"
}
quotas() { # WHAT
	local q
	say "$1, free"
	for q in "5000 100000" "1000 20000"; do
		echo "$q" >$cg/cpu.max
		say "$1, cpu.max $q"
		[ $used -le 55 ] || fail "cpu.max $q, and they burn $used/1000"
	done
	echo max >$cg/cpu.max
}
say "nobody"
io_start offender
sleep 2
quotas reads
loop=$(losetup -n -O NAME -j /tmp/offender.img)
for n in 40 20; do
	echo "$(cat "/sys/block/${loop#/dev/}/dev") riops=$n" >$cg/io.max
	say "reads, io.max riops=$n"
done
echo "$(cat "/sys/block/${loop#/dev/}/dev") riops=max" >$cg/io.max
io_stop offender
in_guest offender 5 'flood send udp 10.9.0.3 6000 1000 600000 >/dev/null 2>&1 & echo $! >/tmp/flood.pid'
sleep 1
quotas frames
in_guest offender 5 'kill $(cat /tmp/flood.pid)'
for p in $of; do echo "$p" >$root/cgroup.procs; done
rmdir $cg
case " $before " in *" io "*) ;; *) echo "-io" >$root/cgroup.subtree_control ;; esac
case " $before " in *" cpu "*) ;; *) echo "-cpu" >$root/cgroup.subtree_control ;; esac
ip link del br0
clean_log
