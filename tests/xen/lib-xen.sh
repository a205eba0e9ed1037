# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # lib.sh reads them
# The verbs of lib.sh in dom0 of a real Xen: xl, and an agent in each guest.
PATH=/usr/local/sbin:/usr/local/bin:/bed/bin:/usr/sbin:/usr/bin:/sbin:/bin
run=/run/bed results=/results
poll=0.2
disk_state=4 # the guest's kernel connects by itself

case_file() { echo "/bed/$1"; }
# Logs of dom0's programs in /results/CASE.d; of a case that failed, more.
keep_logs() {
	local dir d
	dir=/results/$(cat "$run/case").d
	mkdir -p "$dir"
	cp /tmp/*.log "$dir" 2>/dev/null
	[ ! -e "$run/passed" ] || return 0
	xl list >"$dir/xl-list"
	xenstore-ls -fp >"$dir/xenstore"
	for d in $(xl list | awk 'NR > 1 && $2 != 0 { print $1 }'); do
		ask "$d" 5 'tail -n 30 /tmp/*.log; ps' >"$dir/in-$d" 2>&1
	done
}
# The next case begins like the first.
clean_up() {
	local d
	keep_logs
	[ ! -e /run/bed/pids ] || xargs -r -n 1 kill -9 </run/bed/pids 2>/dev/null
	for d in $(xl list | awk 'NR > 1 && $2 != 0 { print $2 }'); do
		# xl waits 10 s for each backend that is gone
		forget_nodes "/libxl/$d/device/vbd" "/libxl/$d/device/vif"
		xl destroy "$d" &
	done
	wait
	forget_nodes /local/domain/0/backend/{abd,avif} /local/domain/0/acctring \
		/local/domain/0/data/acctring /tool/acctring
	rm -rf /run/bed/pids /tmp/*
}
forget_nodes() {
	local path
	for path; do xenstore-rm "$path" 2>/dev/null; done
}
bg() {
	"$@" &
	echo $! >>/run/bed/pids
}
clean_log() {
	local bad='BUG|WARNING|Oops|Bad page|general protection|soft lockup|still in use'
	if [ -z "${1:-}" ]; then
		! dmesg | grep -E "$bad" || fail "kernel log"
	else
		! in_guest "$1" 10 "dmesg | grep -E '$bad'" || fail "$1's kernel log"
	fi
}
domid() { ask "$1"; } # no libxl: it is asked often, and emulated
uuid_of() { xl vm-list | awk -v n="$1" '$3 == n { print $1; ok = 1 } END { exit !ok }'; }
is_gone() { ! xl list | awk '{ print $2 }' | grep -qx "$1"; }
is_dying() { xl list | awk -v d="$1" '$2 == d && $5 ~ /d/ { ok = 1 } END { exit !ok }'; }
destroy() { xl destroy "$1"; }
reboot_guest() {
	local old
	old=$(domid "$1")
	in_guest "$1" 5 '(sleep 1; reboot -f) &'
	until_ok 60 has_new_domid "$1" "$old" || fail "$1 does not reboot"
	guest_up "$1"
}
has_new_domid() { local n && n=$(domid "$1" 2>/dev/null) && [ "$n" != "$2" ]; }

guest_create() {
	local name=$1 type=${2:--} cfg=/run/bed/$1.cfg line ramdisk=guest probe=
	shift $(($# > 1 ? 2 : 1))
	[ "$type" != - ] || type=$guest_type
	[ -z "${driver:-}" ] || ramdisk=driver
	{
		echo "name='$name'"
		echo "type='$type'"
		echo "kernel='/bed/guest/vmlinux'"
		echo "ramdisk='/bed/guest/$ramdisk.cpio.gz'"
		echo "memory=${memory:-160}"
		echo "vcpus=1"
		# a PVH guest has neither a PCI bus nor serial ports; to look for
		# them costs it, emulated, a fifth of its start
		[ "$type" = pv ] || probe='pci=off 8250.nr_uarts=0'
		echo "extra='console=hvc0 loglevel=5 ${probe:-} ${extra:-}'"
		[ "$type" = pv ] || echo "tsc_mode='native'"
		for line in "$@"; do echo "$line"; done
	} >"$cfg"
	log_consoles
	ln -sf "guest-$name.log" "/results/console-$name.log"
	step "create $name"
	${xl:-xl} create "$cfg" || fail "xl create $name"
	step "$name is created"
}
# xenconsoled writes them itself, whole, and needs no reader.
log_consoles() {
	local pid=/run/xenconsoled.pid
	! grep -qe --log-dir=/results "/proc/$(cat $pid)/cmdline" || return 0
	kill "$(cat $pid)"
	until_ok 10 test ! -e "/proc/$(cat $pid)" || fail "xenconsoled does not end"
	/usr/lib/xen-4.17/bin/xenconsoled --log=guest --log-dir=/results --pid-file=$pid
}
# stock_guests NAME...: with a disk (a file by loop) and a vif that dom0's kernel serves; the
# bridge br0 is 10.9.0.1/24.  Then they are up
stock_guests() {
	local g n=0
	ip link del br0 2>/dev/null || : # of a run that failed
	ip link add br0 type bridge
	ip link set br0 up
	ip addr add 10.9.0.1/24 dev br0
	for g; do
		n=$((n + 1))
		truncate -s 64M "/tmp/$g.img"
		guest_create "$g" - "disk=['format=raw,vdev=xvda,access=rw,backendtype=phy,target=/tmp/$g.img']" \
			"vif=['mac=00:16:3e:00:00:0$n,bridge=br0']"
	done
	for g; do guest_up "$g"; done
}
guest_up() {
	ask "$1" $((120 * slow)) || fail "$1 does not answer: $(console_of "$1")"
}
in_guest() {
	local rc=0
	ask "$1" $(($2 * slow)) "$3" || rc=$?
	case $rc in
	124 | 125) fail "$1: no answer in $2 s to: $3; $(console_of "$1")" ;;
	esac
	return "$rc"
}
console_of() { echo "its console: $(tail -n 5 "/results/console-$1.log")"; }
in_dom0() { timeout $(($1 * slow)) bash -c "$2"; }

io_check() {
	local dev=/dev/${2:-xvda}
	in_guest "$1" 90 "dd if=/dev/urandom of=/tmp/x bs=64k count=64 &&
		dd if=/tmp/x of=$dev bs=64k conv=fsync && echo 3 >/proc/sys/vm/drop_caches &&
		dd if=$dev of=/tmp/y bs=64k count=64 && cmp /tmp/x /tmp/y && rm /tmp/x /tmp/y" ||
		fail "$1's disk"
}
io_read() {
	in_guest "$1" 60 "dd if=/dev/${3:-xvda} of=/dev/null bs=64k count=$((${2:-3} * 16)) iflag=direct" ||
		fail "$1's disk"
}
io_start() {
	local dev=/dev/${3:-xvda} dd
	dd="dd if=$dev of=/dev/null bs=64k iflag=direct"
	[ "${2:-read}" = read ] || dd="dd if=/dev/zero of=$dev bs=64k oflag=direct"
	in_guest "$1" 10 "(while :; do $dd; done) >/dev/null 2>&1 & echo \$! >/tmp/io.pid"
}
io_stop() { in_guest "$1" 30 'kill $(cat /tmp/io.pid); killall dd; while pidof dd; do sleep 0.1; done; :'; }

# ---------------------------------------------------------------- the toolstack
# timed_xl ARGS...: the same for xl -vvv, which must not have waited in vain
timed_xl() {
	local began
	began=$(date +%s%N)
	xl -vvv "$@" >/run/bed/xl 2>&1 || fail "xl $*: $(tail -n 5 /run/bed/xl)"
	diag "xl $1 ${2##*/}: $((($(date +%s%N) - began) / 1000000)) ms"
	cat /run/bed/xl
	! grep -iE 'timed out|timeout reached|but it was removed|unable to' /run/bed/xl >/run/bed/late ||
		fail "xl -vvv $*: $(cat /run/bed/late)"
}
