# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Backends, the accountant's worker and its holder killed in dom0 in every order,
# and the states in which an epoch is lost and counted.  Real grants and events; the
# kernel's log stays clean.  One takes 0.4 s emulated.
# on: xen sandbox
# limit: 600
tree=/local/domain/0/acctring
xenstore-write $tree/accountant 0 \
	$tree/backend/0 "v=1 uuid=00000000-0000-0000-0000-000000000000 name=Domain-0" \
	$tree/backend/0/2 "v=1 uuid=22222222-2222-2222-2222-222222222222 serial=1 state=on" \
	$tree/backend/0/3 "v=1 uuid=33333333-3333-3333-3333-333333333333 serial=1 state=on"
dir=$(mktemp -d -p /dev/shm)
echo 'restart_ms = 50;' >"$dir/conf"
: "${KILLS:=300}"
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
diag "seed $seed"
out=$results/kills-dom0.out
KILL_SECONDS=$((KILLS * slow)) KILL_DOMID=0 kill_run "$(command -v acctringd)" "$(command -v kill_backend)" "$dir" "$KILLS" "$seed" lossy \
	>"$out" 2>&1 || rc=$?
rm -r "$dir"
grep '^# [kil]' "$out" | tail -n 3 | while read -r l; do diag "${l#\# }"; done
[ -z "${rc:-}" ] || fail "$(grep -v 'by signal 9\|: accountant of' "$out" | tail -n 12)"
done=$(sed -n 's/^# kills=\([0-9]*\) .*/\1/p' "$out" | tail -n 1)
[ "$done" -ge "$KILLS" ] || fail "only $done kills, exact"
xenstore-rm $tree
clean_log
