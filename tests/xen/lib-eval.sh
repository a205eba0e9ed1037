# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # run, eval_*: lib.sh; tsv, idle, commands: the case
# For tests/xen/eval: a VM "web" and driver domains of its own, whose CPU, by the hypervisor, less what
# they burn idle, is what it made them burn; the loads of docs/method.md; samples each 100 ms.
export ACCTRING_SOCKET=/tmp/acctringd.sock
drivers="drv" # that serve the load
others="" # VMs that are sampled, too
eval_own=""
[ "${eval_accountant:-dom0}" != own ] || eval_own=1

# domains DRIVER...: they start; who accounts for them, dom0 or each itself, which then may ask the
# hypervisor; the collector
domains() {
	local d accountants=dom0 a=0 sep="drivers = ("
	# shellcheck disable=SC2086
	extra=${eval_own:+xen_privcmd.unrestricted=1} guests "${@/%/:driver}"
	[ -z "$eval_own" ] || accountants=$*
	for d; do
		[ -z "$eval_own" ] || a=$d
		echo "$sep { domain = \"$d\"; accountant = \"$a\"; }"
		sep=,
	done >"$run/collector.conf"
	echo '); bill_period_ms = 1000; measure_period_ms = 200; max_debt_share = 100;' >>"$run/collector.conf"
	start_at dom0 collector "acctring-collector -v -c $run/collector.conf"
	# as its unit does
	renice -n -15 -p "$(cat /tmp/collector.pid)" >/dev/null
	for d in $accountants; do
		accountant=$d
		at "$d" 10 "echo 'unclaimed = \"users\";' >/tmp/unclaimed.conf"
		start_at "$d" acctringd 'sh -c "renice -n -15 -p \$\$; exec acctringd -v -c /tmp/unclaimed.conf -d /tmp/ledger.db -s /tmp/acctringd.sock"'
	done
}
cpus() { # of web and its driver domains
	local d
	domid web
	for d in $drivers; do domid "$d"; done
}
block_at() { # DRIVER
	start_at "$1" blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
	disk web "$1" 64M
}
net_at() { # DRIVER: nobody is behind the address that web sends to
	start_at "$1" netback 'acctring-netback -v --totals /tmp/vif.tsv'
	acctctl attach nic web 0 --mac 00:16:3e:00:00:01 --backend "$1" --wait || fail "attach: $(log_of "$1" netback)"
	in_guest web 10 'ifconfig eth0 10.0.0.1 up && arp -s 10.0.0.9 00:16:3e:00:00:09' || fail "web's network"
}

# ---- loads
spin_net=0 spin_block=0 # us of own work: for a request, for 32 frames
block() { echo "ioload /dev/xvda read ${3:-65536} $1 10000 $((($2 - 12) * 1000)) 600000 $spin_block"; }
net() { echo "flood send udp 10.0.0.9 6000 ${2:-1458} $((($1 - 2) * 1000)) $spin_net 10000 ${3:-}"; }
commands() { # LOAD SECONDS
	case $1 in
	L1 | L8) block 32 "$2" ;;
	L7) block 1 "$2" ;;
	L2) net "$2" ;;
	L3 | L9) block 32 "$2" && net "$2" ;;
	L4) net "$2" 10240 "0 2" ;;
	L5) block 32 "$2" 512 ;;
	L6) block 32 "$2" 512+65536 ;;
	L10) net "$2" 1458 "300 700" ;;
	*) fail "no such load: $1" ;;
	esac
}
start_load() { # LOAD SECONDS [VM]
	local n=0 c
	commands "$1" "$2" >"$run/commands"
	while IFS= read -r c; do
		n=$((n + 1))
		start_at "${3:-web}" "load$n" "$c"
	done <"$run/commands"
}
stop_load() { # VM
	in_guest "$1" 20 'killall ioload flood; while pidof ioload flood; do sleep 0.1; done; cat /tmp/load*.out; rm -f /tmp/load*'
}
# kappa_of LOAD: what its driver domains burn, less idle, for a ns of the VM
kappa_of() {
	start_load "$1" 60
	sleep 2
	# shellcheck disable=SC2046
	domcpu 4000 $(cpus) | awk -F '[ =]' -v idle="$idle" '
		{ for (i = 6; i <= NF; i += 2) d += $i; printf "%.4f\n", (d - idle * $2 / 1e9) / $4 }'
	stop_load web >/dev/null
}
# tune LOAD KAPPA VARIABLE: own work for each unit, so that the driver domains burn KAPPA times as much
# as the VM: found from what kappa is without any, and with some
tune() {
	local k0 k1 trial=2000
	[ "$1" != L7 ] || trial=10000
	printf -v "$3" %d 0
	k0=$(kappa_of "$1")
	printf -v "$3" %d $trial
	k1=$(kappa_of "$1")
	printf -v "$3" '%d' "$(awk -v s=$trial -v k0="$k0" -v k1="$k1" -v k="$2" 'BEGIN {
		o = k0 > k1 ? s * k1 / (k0 - k1) : 0; t = k0 * o / k - o; print int(t > 0 ? t : 0) }')"
	step "$1: kappa $k0 by itself, $k1 with $trial us of own work for a unit: ${!3} us for $2"
}
prepare() { # LOAD: tuned
	spin_net=0 spin_block=0
	case $1 in
	L1) tune L1 1 spin_block ;;
	L7) tune L7 0.1 spin_block ;;
	L2 | L10) tune L2 2 spin_net ;; # L10: bursts of it
	L3 | L9)
		tune L1 1 spin_block
		tune L2 2 spin_net
		;;
	esac
}

# ---- phases
# ledger: "charged now burned", ns: by the bill, and by the hypervisor
ledger() {
	local d sum=0 now c
	for d in $(cpus | tail -n +2); do
		read -r now c _ < <(cputime "$d")
		sum=$((sum + c))
	done
	echo "$(field "$(xenstore-read "/local/domain/$(domid web)/acctring/bill" 2>/dev/null)" charged_ns) $now $sum"
}
# samples PHASE SECONDS: lines "phase now web drivers cap-of-web dom0 others..."
samples() {
	local o all
	all="$(cpus) 0"
	for o in $others; do all="$all $(domid "$o")"; done
	# shellcheck disable=SC2086
	nice -n -20 domcpu -s 100 $(($2 * 1000)) $all | awk -F '\t' -v p="$1" -v n="$(wc -w <<<"$drivers")" '{
		d = 0
		for (i = 4; i < 4 + n; i++) d += $i
		printf "%s\t%s\t%s\t%.0f\t%s", p, $1, $3, d, $2
		for (; i <= NF; i++) printf "\t%s", $i
		print "" }' >>"$tsv"
}
measure_idle() { # [PHASE]: sets idle, ns a second of the driver domains
	local p=${1:-idle}

	sleep 10 # a device that came, or a load that ended, is felt for seconds
	samples "$p" 30
	idle=$(awk -F '\t' -v p="$p" '$1 == p { if (!n++) { t = $2; d = $4 } e = ($4 - d) / ($2 - t + 1) } END { printf "%.0f", e * 1e9 }' "$tsv")
}
# phase NAME LOAD SECONDS: the load begins a second after the samples
phase() {
	local c0 t0 d0 c t d pid
	read -r c0 t0 d0 < <(ledger)
	samples "$1" "$3" &
	pid=$!
	sleep 1
	start_load "$2" "$3"
	wait "$pid" || fail "$2, $1: no samples"
	stop_load web >"$run/load" || fail "$2, $1: $(cat "$run/load")"
	sleep 2 # until that is on the bill
	read -r c t d < <(ledger)
	[ "$c" -gt "$c0" ] || fail "$2, $1: nothing was charged: $(log_of "$accountant" acctringd)"
	printf '#pause %s %s\n#ledger %s %s %s\n#done %s %s %s\n' "$1" "$(field "$(cat "$run/load")" pause_ns)" "$1" \
		$((c - c0)) "$((d - d0 - idle * (t - t0) / 1000000000))" \
		"$1" "$(field "$(cat "$run/load")" requests)" "$(field "$(cat "$run/load")" ns)" >>"$tsv"
	step "$2, $1"
}
in_debt() { acctctl debt >&2 || fail "mode debt: $(log_of dom0 collector)"; }
observed() {
	acctctl entitle >&2
	acctctl observe >&2 || fail "mode observe: $(log_of dom0 collector)"
}
