#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Nothing posted is lost or billed twice while backends and the accountant's
# worker are killed at random moments.  KILLS=n, SEED=n or --seed n (replays).
# timeout: 240
[ "$1" = --seed ] && SEED=$2
export KILLS=${KILLS:-300}
export SEED=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
. "$(dirname "$0")/lib/driver.sh"

driver_domain
echo 'restart_ms = 50;' > "$tmp/conf"
echo 1..2
echo "# seed=$SEED"
start=$SECONDS
"$BUILD/bin/xsandbox" exec 1 -- "$BUILD/tests/prog/kill_run" "$BUILD/bin/acctringd" \
	"$BUILD/tests/prog/kill_backend" "$tmp" "$KILLS" "$SEED" lossy > "$tmp/out" 2> "$tmp/err"
rc=$?
cat "$tmp/out"
sed 's/^/# /' "$tmp/err" | grep -v 'worker killed by signal 9\|: accountant of domain \|CPU is measured by' | tail -n 20
echo "# seconds=$((SECONDS - start))"
if [ $rc = 0 ]; then
	echo "ok 1 - ledger equals what was done, or one more in flight, in each epoch and lane"
else
	echo "not ok 1 - ledger equals what was done; replay with --seed $SEED"
	exit 1
fi
# kills in the middle of a post, on either side of it
if [ "$KILLS" -lt 100 ] || grep -q 'in_flight_committed=[1-9].*in_flight_not_made=[1-9]' "$tmp/out"; then
	echo "ok 2 - kills between a post and its oracle"
else
	echo "not ok 2 - no kill between a post and its oracle"
	exit 1
fi
