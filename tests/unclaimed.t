#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where the kernel says how busy a driver domain's CPUs were, steal is taken out of claims, and what
# nobody claimed is its users' to pay, if the configuration says so.  The kernel's word is a made file: two
# CPUs, never idle, where there is one that runs.
# timeout: 90
. "$(dirname "$0")/lib/driver.sh"

export ACCTRING_PROC=$tmp/proc
mkdir "$ACCTRING_PROC"
printf 'cpu 0 0 0 100 0 0 0 0 0 0\ncpu0\ncpu1\n' >"$ACCTRING_PROC/stat"
acctctl() { "$BUILD/bin/xsandbox" exec 1 -- "$BUILD/bin/acctctl" "$@" --socket "$tmp/sock"; }
column() { # of all VMs, together
	acctctl dump ledger | awk -F '\t' -v name="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$2 == 2 || $2 == 3 { n += $at[name] }
		END { printf "%.0f\n", n }'
}
declare -A was is
note() {
	for n in charged_ns pool_ns; do was[$n]=$(column $n); done
	for n in measured_ns own_ns; do was[$n]=$(field $n); done
}
# burns a CPU for 4 s, and claims half of it, a quarter of that on a pool
serve() {
	local began ended rc

	began=$(date +%s%N)
	"$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/basis_backend" 200 >"$tmp/told"
	rc=$? ended=$(date +%s%N)
	busy=$((2 * (ended - began)))
	return $rc
}
look() { # what grew since note
	sleep 1
	for n in charged_ns pool_ns; do is[$n]=$(($(column $n) - was[$n])); done
	for n in measured_ns own_ns; do is[$n]=$(($(field $n) - was[$n])); done
	is[claimed]=$(awk '{ n += $3 } END { print n }' "$tmp/told")
	echo "# ms: claimed $((is[claimed] / 1000000)), measured $((is[measured_ns] / 1000000)), own $((is[own_ns] / 1000000))," \
		"charged $((is[charged_ns] / 1000000)), of that as a pool $((is[pool_ns] / 1000000))"
}
fits() { [ $(($(column charged_ns) + $(field own_ns))) -le "$(field measured_ns)" ]; } # since it began
is_part() { # A B FROM TO: A is FROM to TO per cent of B
	[ $((100 * $1)) -ge $(($2 * $3)) ] && [ $((100 * $1)) -le $(($2 * $4)) ]
}

driver_domain
for f in 2 3; do
	"$BUILD/bin/xsandbox" create $f --uuid "$(echo "$DRIVER_UUID" | tr 1 $f)"
done
acctringd_options=-n start_acctringd 'unclaimed = "sometimes";'
grep -q 'unclaimed: .*allowed: "host", "users"' "$tmp/log"
tap $? "unclaimed = \"sometimes\" is refused, with what is allowed"

start_acctringd 'statement_ms = 50;'
tap $? "acctringd runs"
sleep 0.5
note
serve
tap $? "a backend has posted"
look
ran=$((100 * is[measured_ns] / busy)) # a half, less where others had the machine
fits && is_part "${is[charged_ns]}" "${is[claimed]}" $((ran * 7 / 10)) $((ran * 14 / 10))
tap $? "of claims as much is charged as ran of what was busy: $ran %"
is_part "${is[pool_ns]}" "${is[charged_ns]}" 20 30
tap $? "and the host bears what nobody claims"
stop_acctringd

start_acctringd 'statement_ms = 50; unclaimed = "users";'
[ -z "$(field idle_ns_per_s)" ]
tap $? "what the domain burns idle is not known at first"
sleep 4 # without use, twice what it needs
idle=$(field idle_ns_per_s)
[ "${idle:-0}" -gt 0 ] && [ "$idle" -lt 500000000 ]
tap $? "then it is told: $((idle / 10000)) thousandths of a per cent of a CPU"
note
serve
tap $? "users are to bear it: a backend has posted"
look
fits && is_part "${is[charged_ns]}" "${is[measured_ns]}" 75 103
tap $? "most of what was measured is on their bill"
is_part "${is[pool_ns]}" "${is[charged_ns]}" 50 95
tap $? "as a pool"
stop_acctringd
tap $? "acctringd ends"
tap_end
