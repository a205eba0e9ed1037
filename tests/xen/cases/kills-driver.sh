# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The same kills in a driver domain that is not dom0: there nobody may ask the
# hypervisor, and gntalloc, gntdev and evtchn are a domU's.
# on: xen sandbox
# limit: 300
# bed: xenstored
driver_domain drv
d=$(domid drv)
tree=/local/domain/$d/acctring
xenstore-write "$tree" ''
xenstore-chmod "$tree" n0 "r$d"
xenstore-write "$tree/accountant" "$d" \
	"$tree/backend/$d/2" "v=1 uuid=22222222-2222-2222-2222-222222222222 serial=1 state=on" \
	"$tree/backend/$d/3" "v=1 uuid=33333333-3333-3333-3333-333333333333 serial=1 state=on" \
	"$tree/backend/$d" "v=1 uuid=11111111-1111-1111-1111-111111111111 name=drv"
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
diag "seed $seed"
rc=0
in_guest drv 240 "mkdir /tmp/run; echo 'restart_ms = 50;' >/tmp/run/conf
	KILL_DOMID=$d kill_run \$(command -v acctringd) \$(command -v kill_backend) /tmp/run ${KILLS:-60} $seed lossy \
		>/tmp/out 2>&1; rc=\$?
	grep '^# [kil]' /tmp/out | tail -n 4; [ \$rc = 0 ] || tail -n 4 /tmp/out; exit \$rc" >out || rc=$?
grep '^# [kil]' out | tail -n 3 | while read -r l; do diag "${l#\# }"; done
if [ $rc != 0 ] || ! grep -q 'lanes_wrong=0 stray=0' out; then
	fail "$(tail -n 12 out)"
fi
clean_log
clean_log drv
