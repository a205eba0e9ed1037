#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Boots Xen under QEMU, lets dom0 run the cases, prints their TAP lines as
# they come and leaves logs in $BUILD/xen/results.
#
# usage: run.sh cases|facts|shell
#   CASE       only these cases (shell patterns, e.g. 'link-*')
#   SCHED      credit2 (default) or credit      STORE  oxenstored (default) or xenstored
#   GUEST      pv (default, boots three times faster) or pvh: the type of guests where a case leaves it open
#   XEN_CONSOLE  a chardev of QEMU for the shell, instead of the terminal
#   XEN_ACCEL  tcg (default) or kvm             XEN_MINUTES  limit of the whole run
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export MODE=${1:-cases} CASE=${CASE:-} SCHED=${SCHED:-credit2} STORE=${STORE:-oxenstored} GUEST=${GUEST:-pv}
: "${BUILD:?run me through make}" "${XEN_ACCEL:=tcg}" "${XEN_MINUTES:=20}"
usage() { echo "$*" >&2; exit 2; }
case $MODE in cases | facts | shell) ;; *) usage "run.sh cases|facts|shell, not $MODE" ;; esac
case $SCHED in credit2 | credit) ;; *) usage "SCHED is credit2 or credit, not $SCHED" ;; esac
case $STORE in oxenstored | xenstored) ;; *) usage "STORE is oxenstored or xenstored, not $STORE" ;; esac
case $GUEST in pv | pvh) ;; *) usage "GUEST is pv or pvh, not $GUEST" ;; esac
case $XEN_ACCEL in
tcg) accel=tcg,thread=multi cpu=Opteron_G3,+npt,-rdtscp,-misalignsse ;;
kvm) accel=kvm cpu=host ;;
*) usage "XEN_ACCEL is tcg or kvm, not $XEN_ACCEL" ;;
esac

out=$BUILD/xen
mkdir -p "$out"
exec 9>"$out/lock"
flock -n 9 || usage "another run uses $out"
base=$("$here/base.sh" "$out")
printf '  %-7s %s\n' XEN "guests and disks" >&2
"$here/images.sh" "$base" "$out"
rm -rf "$out/results"
mkdir -p "$out/results"
rm -f "$out/results.img"
truncate -s 64M "$out/results.img"
: >"$out/results/tap"

args=(-machine q35 -accel "$accel" -cpu "$cpu" -smp 2 -m 3584 -display none -no-reboot -nodefaults
	-kernel "$base/xen" -append "console=com1 com1=115200,8n1 dom0_mem=1280M,max:1280M dom0_max_vcpus=2 sched=$SCHED loglvl=info guest_loglvl=info tbuf_size=0"
	-initrd "$base/vmlinux console=hvc0 root=/dev/sda rw loglevel=5 systemd.show_status=0,$base/dom0.cpio.gz"
	-device ahci,id=ahci)
n=0
drive() { # NAME FILE OPTIONS
	args+=(-drive "file=$2,format=raw,if=none,id=$1,cache=unsafe$3" -device "ide-hd,drive=$1,serial=$1,bus=ahci.$n")
	n=$((n + 1))
}
drive dom0 "$base/dom0.img" ,snapshot=on
drive product "$out/product.img" ,snapshot=on
drive bed "$out/bed.img" ,snapshot=on
drive results "$out/results.img" ""

if [ "$MODE" = shell ]; then
	echo "# dom0's console; leave with \`poweroff\`, or Ctrl-A X" >&2
	exec qemu-system-x86_64 "${args[@]}" -serial "${XEN_CONSOLE:-mon:stdio}" -serial "file:$out/results/tap"
fi

printf '  %-7s %s\n' XEN "boot ($XEN_ACCEL, $SCHED, $STORE, guests: $GUEST)" >&2
started=$SECONDS
nice -n 10 timeout "$((XEN_MINUTES * 60))" qemu-system-x86_64 "${args[@]}" \
	-serial "file:$out/results/console.log" -serial "file:$out/results/tap" &
qemu=$!
trap 'kill "$qemu" 2>/dev/null || :' EXIT
# Lines as they come; tail ends with QEMU.
tail -n +1 -s 0.5 -f --pid="$qemu" "$out/results/tap" | sed -u "s,\r,,g"
wait "$qemu" && rc=0 || rc=$?
trap - EXIT
tar -C "$out/results" -xf "$out/results.img" 2>/dev/null || echo "# no results came out: see $out/results/console.log"
echo "# $((SECONDS - started)) s with Xen, logs in ${out#"$PWD/"}/results"
if [ "$rc" = 124 ]; then
	echo "Bail out! not finished after $XEN_MINUTES minutes"
	exit 1
fi
tr -d '\r' <"$out/results/tap" | perl -ne '
	$plan = $1 if /^1\.\.(\d+)/;
	$n++ if /^(not )?ok /;
	$bad++ if /^not ok /;
	END { exit !(defined $plan && $plan == $n && !$bad) }'
