#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# On what a bill rests: a backend with lanes of each basis; what each VM is
# charged is kept apart by them, through crashes, and bounded; acctctl, the statement
# and the store say so.
# timeout: 90
. "$(dirname "$0")/lib/driver.sh"

driver_domain
for f in 2 3; do
	"$BUILD/bin/xsandbox" create $f --uuid "$(echo "$DRIVER_UUID" | tr 1 $f)"
done
start_acctringd 'statement_ms = 100;'
tap $? "acctringd runs"
backend() { "$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/basis_backend" "$1"; }
acctctl() { "$BUILD/bin/xsandbox" exec 1 -- "$BUILD/bin/acctctl" "$@" --socket "$tmp/sock"; }
# vm DOMID NAME: of its line in `dump ledger`
vm() {
	acctctl dump ledger | awk -F '\t' -v domid="$1" -v name="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$2 == domid { print $at[name] }'
}
told() { awk -v vm="$1" -v basis="$2" '$1 == vm && $2 == basis { n += $3 } END { print n }' "$tmp/told"; }
all_charged() { [ "$(vm 2 charged_ns)" = "$(awk '$1 == 2 { n += $3 } END { print n }' "$tmp/told")" ]; }
as_told() {
	local v b

	for v in 2 3; do
		for b in thread direct pool model; do
			[ "$(vm $v ${b}_ns)" = "$(told $v $b)" ] || { echo "# VM $v, $b: $(vm $v ${b}_ns), not $(told $v $b)"; return 1; }
		done
	done
}
backend 60 >"$tmp/told"
tap $? "a backend with a lane of each basis has posted, and all is committed"
soon 10 all_charged
tap $? "all of it is charged: $(vm 2 charged_ns) ns to a VM"
as_told
tap $? "to each VM what it had on each basis, to the ns"

bounded() {
	local v low high own others

	for v in 2 3; do
		low=$(vm $v low_ns) high=$(vm $v high_ns)
		own=$(($(told $v direct) + $(told $v thread)))
		others=$(($(told $((5 - v)) pool) + $(told $((5 - v)) model)))
		[ "$low" = "$own" ] && [ "$high" -ge $(($(vm $v charged_ns) + others)) ] &&
			[ "$high" -le $(($(vm $v charged_ns) + others + $(field unattributed_ns))) ] || return 1
	done
}
bounded
tap $? "at least direct and thread; at most that, the pools of others, and what is unattributed"
echo "# VM 2: $(vm 2 low_ns) $(vm 2 charged_ns) $(vm 2 high_ns), unattributed $(field unattributed_ns)"
acctctl ledger --basis | sed 's/^/# /'

# -- crashes --
before=$(vm 2 high_ns)
backend 100 >"$tmp/told2" &
other=$!
for _ in 1 2 3; do
	sleep 0.4
	kill -KILL "$(worker_pid)"
done
wait $other
tap $? "three workers are killed while it posts"
cat "$tmp/told2" >>"$tmp/told"
soon 10 all_charged && as_told
tap $? "to each VM what it had on each basis, to the ns"
[ "$(vm 2 high_ns)" -gt "$before" ]
tap $? "the bound above has grown with it"
kill -KILL "$holder" "$(worker_pid)"
wait "$acctringd" 2>/dev/null
rm -f "$tmp/sock"
start_acctringd 'statement_ms = 100;'
as_told
tap $? "another acctringd says the same"
in_ledger=$(ledger "SELECT sum(a.charged_ns) = sum(b.direct_ns + b.pool_ns + b.model_ns) + $(($(told 2 thread) + $(told 3 thread)))
	FROM account a JOIN basis b USING (backend, uuid, kind, device) WHERE kind = 1")
[ "$in_ledger" = 1 ]
tap $? "as its ledger has it"

# -- dom0 --
echo 'drivers = ( { domain = "driver"; accountant = "driver"; } );'"entitlements = \"$tmp/entitlements\";" >"$tmp/collector.conf"
for f in 2 3; do
	xenstore-write "/libxl/$f/device/vbd/51712/backend" "/local/domain/1/backend/abd/$f/51712"
done
ACCTRING_RUNDIR=$tmp/run "$BUILD/bin/acctring-collector" -c "$tmp/collector.conf" 2>>"$tmp/log" &
collector=$!
line=/tool/acctring/domain/1/$VM2_UUID
shared() { [ "$(xenstore-read $line 2>/dev/null | sed -n 's/.* shared_ns=\([0-9]*\)$/\1/p')" = $(($(told 2 pool) + $(told 2 model))) ]; }
soon 15 shared
tap $? "the store says what of it is shared: $(xenstore-read $line | sed 's/.* //')"
bill() { [ "$(xenstore-read /local/domain/2/acctring/bill | sed -n 's/.* shared_ns=\([0-9]*\)$/\1/p')" = $(($(told 2 pool) + $(told 2 model))) ]; }
soon 15 bill
tap $? "and so does the VM's bill"
low=$("$BUILD/bin/acctctl" dump ledger --from store | awk -F '\t' '$2 == 2 { print $17 }')
[ "$low" = $(($(told 2 direct) + $(told 2 thread))) ]
tap $? "and acctctl in dom0 what it is at least"
kill $collector
wait $collector
stop_acctringd
tap $? "acctringd stops cleanly"
tap_end
