# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Backends and the accountant's worker killed in dom0, real grants and events.
# limit: 300
tree=/local/domain/0/acctring
xenstore-write $tree/accountant 0 \
	$tree/backend/0 "v=1 uuid=00000000-0000-0000-0000-000000000000 name=Domain-0" \
	$tree/backend/0/2 "v=1 uuid=22222222-2222-2222-2222-222222222222 serial=1 state=on" \
	$tree/backend/0/3 "v=1 uuid=33333333-3333-3333-3333-333333333333 serial=1 state=on"
mkdir run
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
diag "seed $seed"
echo 'restart_ms = 50;' >run/conf
KILL_DOMID=0 kill_run /usr/local/sbin/acctringd /bed/bin/kill_backend "$PWD/run" 200 "$seed" \
	>out 2>&1 || fail "$(tail -n 20 out)"
grep '^#' out | tail -n 5 | while read -r l; do diag "${l#\# }"; done
xenstore-rm $tree
clean_log
