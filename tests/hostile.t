#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Pages of a liar: each shared field with each nasty value, at rest and while
# being read.  The accountant is unharmed, says why, and an honest link
# beside it stays exact.  SEED=n, ROUNDS=n.
# timeout: 240
export SEED=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
. "$(dirname "$0")/lib/driver.sh"
echo "# seed=$SEED"

driver_domain
serves 5 55555555-5555-5555-5555-555555555555 1 on
start_acctringd
tap $? "acctringd runs"
start_poster 0 "$SEED" 3
soon 10 is_attached 0
tap $? "an honest backend is attached"
[ "${tap_failed:-0}" = 0 ] || tap_end
before=$(worker_pid)
read_tap() {
	while read -r line; do
		case $line in
		"ok - "*) tap 0 "${line#ok - }" ;;
		"not ok - "*) tap 1 "${line#not ok - }" ;;
		*) echo "$line" | sed '/^#/!s/^/# /' ;;
		esac
	done < "$tmp/out"
}

# -- numbers beyond all measure, and devices without end
vm5="hex(substr(uuid,1,1))='55'"
vm5_posts() { ledger "SELECT coalesce(sum(posts),0) FROM posted WHERE $vm5"; }
"$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/hostile_claims" "$SEED" 25 > "$tmp/out" 2>&1
rc=$?
read_tap
tap $rc "hostile_claims ends well"
all_in() { [ "$(vm5_posts)" = $((2 * 2 + 2 * 11 + 25 * 121)) ]; }
soon 10 all_in
tap $? "all its posts are in the ledger: $(vm5_posts)"
n=$(ledger "SELECT count(*) FROM account WHERE $vm5")
[ "$n" -le 64 ]
tap $? "$n accounts for 3000 devices"
[ "$(ledger "SELECT count(*) FROM account WHERE $vm5 AND (kind=0 OR kind>=16)")" = 0 ]
tap $? "and none of a kind that does not exist"
sleep 1
read -r measured charged own left < <(fields measured_ns charged_ns own_ns unattributed_ns; echo)
[ "$measured" -gt 0 ] && [ "$charged" -gt 0 ] && [ $((charged + own)) -le "$measured" ] &&
	[ "$left" -ge 0 ]
tap $? "charged $charged + own $own is no more than measured: $measured ns"
[ "$(field overclaimed_ns)" -gt 3600000000000 ]
tap $? "what it claimed beyond is counted: $(field overclaimed_ns) ns"

# -- another driver domain of ours writes the honest link's epoch
"$BUILD/bin/xsandbox" create 4 --name other --uuid 44444444-4444-4444-4444-444444444444
xenstore-write /local/domain/1/acctring/backend/4 \
	"v=1 uuid=44444444-4444-4444-4444-444444444444 name=other"
link=/local/domain/4/data/acctring/link/0
put() {
	"$BUILD/bin/xsandbox" exec 4 -- xenstore-write "$link" "v=1 epoch=$(epoch_of 0) ref=8 port=7 state=$1"
}
put 1
"$BUILD/bin/xsandbox" exec 4 -- xenstore-chmod -r /local/domain/4/data/acctring n4 r1
put 4
foreign() { [ "$(ledger 'SELECT state FROM epoch WHERE backend=4')" = 4 ]; }
soon 10 foreign
tap $? "a foreign epoch that cannot be mapped: that domain's is lost"
put 5
sleep 1
is_attached 0 && [ "$(ledger 'SELECT count(*) FROM epoch WHERE backend=1 AND state=1')" = 1 ]
tap $? "the honest link is not touched"
"$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/hostile_backend" "$SEED" "${ROUNDS:-40}" \
	> "$tmp/out" 2>&1
rc=$?
read_tap
tap $rc "hostile_backend ends well"
[ -n "$before" ] && [ "$(worker_pid)" = "$before" ]
tap $? "the accountant's worker is the same as before"
! grep -qE 'Sanitizer|runtime error' "$tmp/log"
tap $? "no sanitizer has spoken"
sums=$(ledger "SELECT count(*), total(direct_ns + pool_ns + model_ns > charged_ns OR due_direct_ns + due_pool_ns + due_model_ns > due_ns
	OR min(direct_ns, pool_ns, model_ns, due_direct_ns, due_pool_ns, due_model_ns, beside_ns) < 0)
	FROM account JOIN basis USING (backend, uuid, kind, device)")
[ "${sums%|*}" -gt 0 ] && [ "${sums#*|}" = 0.0 ]
tap $? "whatever its lanes said of their basis: sums hold in all of ${sums%|*} accounts"
stop_poster 0
tap $? "the honest backend closes, all committed"
stop_acctringd
tap $? "acctringd stops cleanly"
"$BUILD/tests/prog/kill_check" "$tmp" "$SEED" 1 shared
tap $? "the honest backend's ledger is exact"
tap_end
