# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# madetree.sh - to be sourced after driver.sh: a made /proc and /sys of the
# driver domain 1, below $tmp, and what its ledger holds.

devices=$tmp/sys/bus/xen-backend/devices
mkdir -p "$tmp/proc" "$devices"
counts() {	# counts DIR NAME=N...
	local dir=$1 c
	mkdir -p "$dir"
	shift
	for c; do echo "${c#*=}" >"$dir/${c%%=*}"; done
}
vbd() {	# vbd DOMID READS SECTORS
	mkdir -p "$devices/vbd-$1-51712/driver"
	echo Connected >"$devices/vbd-$1-51712/state"
	counts "$devices/vbd-$1-51712/statistics" rd_req="$2" rd_sect="$3" wr_req=0 wr_sect=0 f_req=0 ds_req=0
	xenstore-write "/local/domain/1/backend/vbd/$1/51712/dev" xvda
}
vif() {	# vif DOMID SENT SENT_BYTES RECEIVED RECEIVED_BYTES
	mkdir -p "$devices/vif-$1-0/driver"
	echo Connected >"$devices/vif-$1-0/state"
	counts "$devices/vif-$1-0/net/vif$1.0/statistics" rx_packets="$2" rx_bytes="$3" \
		tx_packets="$4" tx_bytes="$5" tx_dropped=0
	[ -e "$devices/vif-$1-0/net/vif$1.0/threaded" ] || echo 0 >"$devices/vif-$1-0/net/vif$1.0/threaded"
}
threaded() { [ "$(cat "$devices/vif-$1-0/net/vif$1.0/threaded")" = "$2" ]; }	# threaded DOMID FLAG
thread() {	# thread PID NAME START NS
	mkdir -p "$tmp/proc/$1"
	echo "$1 ($2) S 2 0 0 0 -1 2129984 0 0 0 0 0 5 0 0 20 0 1 0 $3 0 0" >"$tmp/proc/$1/stat"
	echo "$4 0 0" >"$tmp/proc/$1/schedstat"
}
later=$(($(cut -d. -f1 /proc/uptime) * 100 + 1000000)) # ticks: younger than the daemon
made=(--proc "$tmp/proc" --sys "$tmp/sys")
# held DOMID KIND CLASS: its units and bytes; ns of all classes, for the files are not
# read in the moment in which they are written
held() {
	"$bin/acctctl" dump accounts --socket "$tmp/sock" 2>/dev/null | awk -F '\t' -v d="$1" -v k="$2" -v c="$3" '
		$2 == d && $5 == k { ns += $11 }
		$2 == d && $5 == k && $7 == c { units = $9; bytes = $10 }
		END { printf "%d %.0f %.0f", units, bytes, ns }'
}
holds() { [ "$(held "$1" "$2" "$3")" = "$4" ]; }
process() {	# process PID NAME START TICKS WORD...
	local pid=$1
	mkdir -p "$tmp/proc/$pid"
	echo "$pid ($2) S 1 0 0 0 -1 4194560 0 0 0 0 $4 0 0 0 20 0 1 0 $3 0 0" >"$tmp/proc/$pid/stat"
	shift 4
	printf '%s\0' "$@" >"$tmp/proc/$pid/cmdline"
}
block() {	# block NAME NUMBER HOLDER...: a block device, and what is on top of it
	local d=$tmp/sys/class/block/$1 h
	mkdir -p "$d/holders" "$tmp/sys/dev/block"
	echo "$2" >"$d/dev"
	ln -sfn "$d" "$tmp/sys/dev/block/$2"
	shift 2
	for h; do ln -sfn "../../$h" "$d/holders/$h"; done
}
# kernback OPTION...: acctring-kernback in the driver domain; $daemon, its pid in $tmp/pid
kernback() {
	rm -f "$tmp/pid"
	# shellcheck disable=SC2016
	"$bin/xsandbox" exec 1 -- sh -c 'echo $$ >"$0/pid"; exec "$@"' "$tmp" "$bin/acctring-kernback" -v \
		"$@" >>"$tmp/out" 2>"$tmp/kernlog" &
	# shellcheck disable=SC2034
	daemon=$!
	soon 10 grep -qs billing "$tmp/kernlog"
}
