#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Boots Xen under QEMU, lets dom0 run the cases, prints their TAP lines as
# they come and leaves logs in $BUILD/xen/results.
#
# usage: run.sh cases|facts|bench|eval|shell|up|again|down
#   cases, facts, bench, eval, shell   boot, run, power off
#   up, again, down       a bed that stays: again brings it what was changed and runs cases there
#   CASE       only these cases (shell patterns, e.g. 'link-*')
#   SCHED      credit2 (default) or credit      STORE  oxenstored (default) or xenstored
#   GUEST      pv (default, boots three times faster) or pvh: the type of guests where a case leaves it open
#   XEN_NAME   a name for this run, to have two beside each other (default: bed)
#   XEN_BASE   where dom0's image is kept (default: $BUILD/xen)
#   XEN_CPUS   of the emulated machine (default 1)
#   XEN_ICOUNT  its clock counts instructions, 2^XEN_ICOUNT ns each, so that what else the machine below does
#              changes nothing (of an eval 2, 4 ns; of others off: its clock is the machine's)
#   XEN_SLOTS  beds that work at a time (default 2), of all that have this XEN_BASE
#   XEN_SLOW   factor for the cases' limits (default 1), on a busy machine
#   XEN_CONSOLE  a chardev of QEMU for the shell, instead of the terminal
#   XEN_ROUNDS   of each measurement of a bench (default 3)
#   EVAL_LOADS, EVAL_SECONDS, EVAL_ENTITLED, EVAL_ACCOUNTANT   of an eval: which loads, how long debt is looked
#              at, what the VM is entitled to, whose accountant: dom0 (default) or own (docs/method.md)
#   XEN_MINUTES  limit of the whole run (default 25)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
MODE=${1:-cases}
: "${BUILD:?run me through make}"
: "${CASE=}" "${SCHED:=credit2}" "${STORE:=oxenstored}" "${GUEST:=pv}" "${XEN_SLOW:=1}"
: "${XEN_ROUNDS:=3}" "${XEN_MINUTES:=25}" "${XEN_NAME:=bed}" "${XEN_BASE:=$BUILD/xen}" "${XEN_SLOTS:=2}" "${XEN_CPUS:=1}"
: "${XEN_ICOUNT:=$([ "$MODE" = eval ] && echo 2 || echo off)}"
: "${EVAL_LOADS=}" "${EVAL_SECONDS:=40}" "${EVAL_ACCOUNTANT:=own}" "${EVAL_ENTITLED:=40}"
export MODE CASE SCHED STORE GUEST XEN_SLOW XEN_ROUNDS EVAL_LOADS EVAL_SECONDS EVAL_ACCOUNTANT EVAL_ENTITLED
usage() { echo "$*" >&2; exit 2; }
case $MODE in cases | facts | bench | eval | shell | up | again | down) ;; *) usage "run.sh cases|facts|bench|eval|shell|up|again|down, not $MODE" ;; esac
case $SCHED in credit2 | credit) ;; *) usage "SCHED is credit2 or credit, not $SCHED" ;; esac
case $STORE in oxenstored | xenstored) ;; *) usage "STORE is oxenstored or xenstored, not $STORE" ;; esac
case $XEN_ICOUNT in off | [0-9] | 10) ;; *) usage "XEN_ICOUNT is off, or 0 to 10, not $XEN_ICOUNT" ;; esac
case $GUEST in pv | pvh) ;; *) usage "GUEST is pv or pvh, not $GUEST" ;; esac

out=$BUILD/xen/$XEN_NAME
results=$out/results
mkdir -p "$results"
say() { printf '  %-7s %s\n' XEN "$*" >&2; }
running() { [ -e "$out/qemu.pid" ] && grep -qs "$out/push.img" "/proc/$(cat "$out/qemu.pid")/cmdline"; }
unpack() { # what dom0 left, and plots of it
	tar -C "$results" -xf "$out/results.img" 2>/dev/null || echo "# no results came out: see $results/console.log"
	"$here/plot.sh" "$results"
}
# TAP is complete and without a "not ok"
judge() {
	tr -d '\r' | perl -ne '
		$plan = $1 if /^1\.\.(\d+)/;
		$n++ if /^(not )?ok /;
		$bad++ if /^not ok /;
		END { exit !(defined $plan && $plan == $n && !$bad) }'
}

# Emulated CPUs that wait for each other's locks crawl when there are more of
# them than real ones: at most XEN_SLOTS beds work at a time.
slot() {
	local i
	mkdir -p "$XEN_BASE"
	while :; do
		for ((i = 0; i < XEN_SLOTS; i++)); do
			exec 8>"$XEN_BASE/slot.$i"
			! flock -n 8 || return 0
		done
		sleep 0.5
	done
}

# A bed that nobody uses is stopped, its clocks with it: even an idle one burns half a CPU.
monitor() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
		print $s "$ARGV[1]\n"; $s->flush; sleep 1' "$out/monitor" "$1"
}

# The figures of an eval are made outside.
figures() {
	local f
	! ls "$results"/eval-*.tsv >/dev/null 2>&1 || "$here/eval/figures.pl" "$results"/eval-*.tsv || echo "# no figures"
	for f in "$results"/eval-debt-*.tsv; do
		[ ! -e "$f" ] || "$here/eval/step" "$BUILD/tests/sim/acctsim" "$f" || echo "# no step response"
	done
}

# needed WORDS: a case that may run says "# needs: WORDS".
needed() {
	local f p
	case $MODE in cases | bench | eval) ;; *) [ -n "$CASE" ] || return 1 ;; esac
	for f in $(grep -lx "# needs: $1" "$here"/{cases,bench,eval}/*.sh); do
		[ -n "$CASE" ] || case $MODE:$f in cases:*/cases/* | bench:*/bench/* | eval:*/eval/*) ;; *) continue ;; esac
		set -f # patterns, not names of files here
		for p in ${CASE:-'*'}; do
			# shellcheck disable=SC2254
			case $(basename "$f" .sh) in $p) set +f && return 0 ;; esac
		done
		set +f
	done
	return 1
}

# What dom0 says, without the words that it is alive
lines() { sed -u "s,\r,,g; /^# \.$/d; /^# all ran/d${1:-}"; }
# A bed that says nothing for three minutes is dead
watch() {
	local age
	while sleep 5 >/dev/null && kill -0 "$qemu" 2>/dev/null; do
		age=$(($(date +%s) - $(stat -c %Y "$results/tap")))
		[ $age -ge $((180 * XEN_SLOW)) ] || continue
		echo "# dom0 said nothing for $age s"
		kill "$qemu"
	done
}

case $MODE in
down)
	running || usage "no bed is up"
	kill "$(cat "$out/qemu.pid")"
	rm "$out/qemu.pid"
	exit
	;;
again)
	running || usage "no bed is up: make xen-up"
	base=$("$here/base.sh" "$XEN_BASE")
	"$here/images.sh" "$base" "$out" tar "$(cat "$out/debian")"
	slot
	running || usage "no bed is up any more: make xen-up"
	monitor cont
	rm -f "$results"/eval-*
	seen=$(stat -c %s "$results/tap")
	n=$(($(cat "$out/pushed") + 1))
	dd if="$out/push.tar" of="$out/push.img" bs=1M seek=1 conv=notrunc status=none
	printf '%s \n' "$n $(stat -c %s "$out/push.tar")" | dd of="$out/push.img" conv=notrunc,sync bs=512 status=none
	echo "$n" >"$out/pushed"
	timeout "$((XEN_MINUTES * 60))" tail -c "+$((seen + 1))" -s 0.2 -f "$results/tap" 8<&- |
		lines "; /^# end $n\$/q" 8<&- | tee "$out/last" 8<&- || : # tail is told by a broken pipe that it is over
	monitor stop
	unpack
	figures
	judge <"$out/last"
	exit
	;;
esac

exec 9>"$out/lock"
flock -n 9 || usage "another run uses $out"
base=$("$here/base.sh" "$XEN_BASE")
debian=
! needed 'debian' || debian=$("$here/debian.sh" "$XEN_BASE" "$BUILD/xen/bin/agent")
echo "$debian" >"$out/debian"
say "guests and disks"
"$here/images.sh" "$base" "$out" disks "$debian"
rm -rf "$results" "$out"/{results,push}.img
mkdir -p "$results"
truncate -s 64M "$out/results.img"
truncate -s 512M "$out/push.img"
echo 0 >"$out/pushed"
: >"$results/tap"

clock=(-accel "tcg,thread=multi")
[ "$XEN_ICOUNT" = off ] || clock=(-accel "tcg,thread=single" -icount "shift=$XEN_ICOUNT")
args=(-machine q35 "${clock[@]}" -cpu Opteron_G3,+npt,-rdtscp,-misalignsse -smp "$XEN_CPUS" -m 3072 -display none -no-reboot -nodefaults
	-kernel "$base/xen" -append "console=com1 com1=115200,8n1 dom0_mem=1280M,max:1280M dom0_max_vcpus=$XEN_CPUS sched=$SCHED loglvl=info guest_loglvl=info tbuf_size=0 bootscrub=0"
	-initrd "$base/vmlinux console=hvc0 root=/dev/sda rw oops=panic panic=1 loglevel=5 systemd.show_status=0,$base/dom0.cpio.gz"
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
drive push "$out/push.img" ""
[ -z "$debian" ] || drive debian "$debian/root.img" ,snapshot=on
# disks that cost the emulated machine as little as can be, on the controller that q35 has itself
if needed 'raw disks'; then
	for n in 0 1 2; do
		args+=(-drive "driver=null-co,size=256M,read-zeroes=on,if=none,id=raw$n" -device "ide-hd,drive=raw$n,serial=raw$n,bus=ide.$n")
	done
fi

if [ "$MODE" = shell ]; then
	echo "# dom0's console; leave with \`poweroff\`, or Ctrl-A X" >&2
	exec qemu-system-x86_64 "${args[@]}" -serial "${XEN_CONSOLE:-mon:stdio}" -serial "file:$results/tap"
fi

slot
say "boot ($SCHED, $STORE, guests: $GUEST)"
started=$SECONDS
serial=(-serial "file:$results/console.log" -serial "file:$results/tap")
if [ "$MODE" = up ]; then
	setsid qemu-system-x86_64 "${args[@]}" "${serial[@]}" \
		-monitor "unix:$out/monitor,server=on,wait=off" </dev/null >"$out/qemu.log" 2>&1 8<&- 9<&9 &
	echo $! >"$out/qemu.pid"
	until grep -q '^# up' "$results/tap"; do
		running || { cat "$out/qemu.log"; exit 1; }
		[ $((SECONDS - started)) -lt $((300 * XEN_SLOW)) ] || { echo "not up after $((SECONDS - started)) s: $results/console.log"; exit 1; }
		sleep 0.5
	done
	monitor stop
	cat "$results/tap"
	exit
fi
timeout "$((XEN_MINUTES * 60))" qemu-system-x86_64 "${args[@]}" "${serial[@]}" &
qemu=$!
trap 'kill "$qemu" 2>/dev/null || :' EXIT
watch 8<&- 9<&- &
watch=$!
# Lines as they come; tail ends with QEMU.
tail -n +1 -s 0.5 -f --pid="$qemu" "$results/tap" | lines
wait "$qemu" && rc=0 || rc=$?
kill "$watch" 2>/dev/null || :
trap - EXIT
unpack
figures
echo "# $((SECONDS - started)) s with Xen, logs in ${results#"$PWD/"}"
if [ "$rc" != 0 ] || ! grep -q '^# all ran' "$results/tap"; then
	echo "# not all ran; the console ended with"
	tail -n 40 "$results/console.log" | tr -d '\r' | sed 's/^/#   /'
fi
[ "$rc" != 124 ] || echo "Bail out! not finished after $XEN_MINUTES minutes"
judge <"$results/tap"
