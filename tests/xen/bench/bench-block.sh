# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # run, results, slow: lib.sh
# Block backends side by side: one guest, one load, a disk of each.  Requests a second,
# and what dom0 burns for one by the hypervisor, less what it burns idle; ROUNDS of
# all, one after the other within each, so that each has the same hours.
# (docs/performance.md)
# needs: raw disks
# limit: 3000
export ACCTRING_SOCKET=/tmp/acctringd.sock
ms=2500
raw() { echo "/dev/disk/by-id/ata-QEMU_HARDDISK_raw$1"; }
mem=/run/mem
mkdir -p $mem && mount -t tmpfs -o size=128m none $mem
for f in /tmp/acctring /tmp/loop /tmp/loopdio /tmp/qdisk $mem/acctring $mem/loop $mem/qdisk; do
	dd if=/dev/zero of=$f.img bs=1M count=32 status=none
done
# Without direct-io-safe: for that QEMU wants libaio, which Debian's has not, and leaves the disk out
qdisk() { echo "'format=raw,vdev=$1,access=rw,backendtype=qdisk,target=$2'"; }
# A disk of the kernel's, as xl leaves it, without its script: emulated, that takes longer
# than libxl waits.  All in one transaction: xen-blkback that finds no frontend goes.
kernel() { # xvdX DEVICE
	local n front back
	n=$(devid "$1") front=/local/domain/$g/device/vbd/$(devid "$1") back=/local/domain/0/backend/vbd/$g/$(devid "$1")
	xenstore-write "$front" "" "$back" "" && xenstore-chmod "$front" "n$g" r0 && xenstore-chmod "$back" n0 "r$g" &&
		xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/virtual-device" "$n" \
			"$front/device-type" disk "$front/state" 1 "$back/frontend" "$front" "$back/frontend-id" "$g" \
			"$back/online" 1 "$back/dev" "$1" "$back/params" "$2" "$back/type" phy "$back/mode" w "$back/hotplug-status" connected \
			"$back/physical-device" "$(stat -L -c %t:%T "$2")" "$back/state" 1 || fail "no disk $1 of the kernel's"
}
{
	printf "name='io'\ntype='pv'\nkernel='/bed/guest/vmlinux'\nramdisk='/bed/guest/guest.cpio.gz'\nmemory=160\nextra='console=hvc0'\n"
	echo "disk=[$(qdisk xvde $mem/qdisk.img), $(qdisk xvdi /tmp/qdisk.img)]"
} >"$run/io.cfg"
subjects=(
	"xvda device acctring-blkback, O_DIRECT"
	"xvdb device xen-blkback"
	"xvdc memory acctring-blkback"
	"xvdd memory xen-blkback, loop"
	"xvde memory QEMU qdisk"
	"xvdf file acctring-blkback, O_DIRECT"
	"xvdg file xen-blkback, loop with direct I/O"
	"xvdh file xen-blkback, loop as xl sets it up: page cache"
	"xvdi file QEMU qdisk: page cache"
)
loads=("randread 4096 1" "randread 4096 32" "randwrite 4096 1" "randwrite 4096 32" "read 65536 1" "read 65536 32")
step "files are there"
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
xl create -p "$run/io.cfg" || fail "xl create"
acctctl attach disk io xvda "$(raw 0)" && acctctl attach disk io xvdc $mem/acctring.img &&
	acctctl attach disk io xvdf /tmp/acctring.img || fail "acctctl attach"
g=$(domid io)
kernel xvdb "$(raw 1)"
kernel xvdd "$(losetup -f --show $mem/loop.img)"
kernel xvdg "$(losetup --direct-io=on -f --show /tmp/loopdio.img)"
kernel xvdh "$(losetup -f --show /tmp/loop.img)"
xl unpause io
guest_up io
step "io is up"
in_guest io 60 'n=0; for d in a b c d e f g h i; do until [ -b /dev/xvd$d ]; do n=$((n + 1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done; done' ||
	fail "disks: $(in_guest io 5 'ls /dev/xvd*')"
tsv=$results/bench-block.tsv
printf '#round\tdisk\tload\trequests\tns\twindow_ns\tdom0_ns\tguest_ns\n' >"$tsv"
# measure ROUND DISK LOAD: guest and dom0 look at the same MS, in the middle of the load
measure() {
	local pid
	# shellcheck disable=SC2086
	set -- "$1" "$2" $3
	ask io 120 "ioload /dev/$2 $3 $4 $5 800 $ms 700" >"$run/load" &
	pid=$!
	sleep 0.8
	domcpu "$ms" 0 "$g" >"$run/cpu"
	wait "$pid" || fail "$2: $(cat "$run/load")"
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3 $4 $5" "$(field "$(cat "$run/load")" requests)" "$(field "$(cat "$run/load")" ns)" \
		"$(field "$(cat "$run/cpu")" ns)" "$(field "$(cat "$run/cpu")" 0)" "$(field "$(cat "$run/cpu")" "$g")" >>"$tsv"
}
for ((round = 1; round <= rounds; round++)); do
	domcpu "$ms" 0 "$g" >"$run/cpu"
	printf '%s\t-\tidle\t0\t0\t%s\t%s\t%s\n' "$round" "$(field "$(cat "$run/cpu")" ns)" "$(field "$(cat "$run/cpu")" 0)" "$(field "$(cat "$run/cpu")" "$g")" >>"$tsv"
	for load in "${loads[@]}"; do
		for s in "${subjects[@]}"; do
			measure "$round" "${s%% *}" "$load"
		done
		step "round $round: $load"
	done
done
printf '%s\n' "${subjects[@]}" >"$run/subjects"
awk -v unit=request -f /bed/bench.awk "$run/subjects" "$tsv" | while IFS= read -r l; do diag "$l"; done
diag "$(log_of dom0 blkback | tail -n 3 | tr '\n' ';')"
# What a request takes of system calls, by strace, which slows all down but counts right
calls() { # NAME DISK PID LOAD
	local load=$4 pid
	# shellcheck disable=SC2086
	set -- "$1" "$2" "$3" $4
	ask io 120 "ioload /dev/$2 $4 $5 $6 800 $ms 1500" >"$run/load" &
	pid=$!
	sleep 0.8
	timeout -s INT "$((ms / 1000)).$((ms % 1000))" strace -qq -c -f -p "$3" -o "$run/strace" || : # 124
	wait "$pid"
	awk -v n="$(field "$(cat "$run/load")" requests)" -v what="$1, $load" '
		$4 ~ /^[0-9]+$/ && $NF != "total" { t += $4; if ($4 > n / 100) l = l sprintf(" %s %.2f", $NF, $4 / n) }
		END { printf "system calls a request, %s: %.1f:%s\n", what, t / n, l }' "$run/strace"
}
for load in "randread 4096 1" "randread 4096 32" "randwrite 4096 32"; do
	diag "$(calls acctring-blkback xvdc "$(cat /tmp/blkback.pid)" "$load")"
	diag "$(calls 'QEMU qdisk' xvde "$(pgrep -f "qemu.*xen-domid $g" | head -n 1)" "$load")"
done
xl destroy io
xenstore-rm /local/domain/0/backend/vbd 2>/dev/null || :
