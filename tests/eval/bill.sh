#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What VMs are charged, against work that is known (docs/method.md, T2) and against subsets of them (T3), in the
# sandbox; tables by bill.pl.
#   EVAL_SECONDS: of a run, which is a window.  SEEDS: of the runs of each load.  EVAL_LOADS: of T2.  OUT: where samples go.
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/../lib/driver.sh"
: "${EVAL_SECONDS:=10}" "${SEEDS:=1 2 3 4 5}" "${EVAL_LOADS:=steady onoff tied sparse own direct}" "${OUT:=$BUILD/eval}"
mkdir -p "$OUT" && rm -f "$OUT"/bill-*

driver_domain
VM4_UUID=44444444-4444-4444-4444-444444444444
serves 4 $VM4_UUID 1 on
for f in 2 3 4; do
	"$BUILD/bin/xsandbox" create $f --uuid "$(echo "$DRIVER_UUID" | tr 1 $f)" || exit 4
done
start_acctringd 'statement_ms = 50;' || { cat "$tmp/log"; exit 4; }
acctctl() { "$BUILD/bin/xsandbox" exec 1 -- "$BUILD/bin/acctctl" "$@" --socket "$tmp/sock"; }
# "VM charged_ns" of each, and "measured ns"
ledger() {
	acctctl dump ledger | awk -F '\t' '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$2 >= 2 && $2 <= 4 { n[$2] += $at["charged_ns"] }
		END { for (v = 2; v <= 4; v++) printf "%d %.0f\n", v, n[v] }'
	echo "measured $(field measured_ns)"
}
# until nothing is due: the hypervisor has said what was burned
settled() {
	local was=- now

	for _ in $(seq 20); do
		now=$(ledger | head -n 3)
		[ "$now" != "$was" ] || return 0
		was=$now
		sleep 0.3
	done
}
# run LOAD SEED VMS OUT: "VM charged_ns" and "measured ns" of it
run() {
	ledger >"$tmp/before"
	"$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/bill_backend" "$1" "$EVAL_SECONDS" "$2" "$3" "$4" || exit 1
	settled
	ledger | paste -d ' ' "$tmp/before" - | awk '{ printf "%s %.0f\n", $1, $4 - $2 }'
}
runs=$(($(wc -w <<<"$EVAL_LOADS") * $(wc -w <<<"$SEEDS") + 9)) done=0 began=$SECONDS
progress() {
	done=$((done + 1))
	echo "# $done of $runs, $((SECONDS - began)) s: $*" >&2
}

# ---- T2
for load in $EVAL_LOADS; do
	files=""
	for seed in $SEEDS; do
		file=$OUT/bill-$load-$seed.rows
		run "$load" "$seed" 234 "$file" | sed "s/^/$load $seed /" >>"$OUT/bill-ledger.txt"
		files="$files $file"
		progress "$load, seed $seed"
	done
	[ "$load" = direct ] && continue
	# shellcheck disable=SC2086
	"$BUILD/tests/prog/bill_judge" $((EVAL_SECONDS * 10 - 2)) $files >"$OUT/bill-$load.judged" || exit 1
done

# ---- T3
for vms in 0 2 3 4 23 24 34 234 243; do # the last: the same again
	run steady 1 $vms "$tmp/rows" | sed "s/^/$vms /" >>"$OUT/bill-subsets.txt"
	progress "steady, VMs $vms alone"
done
perl "$here/bill.pl" "$OUT"
