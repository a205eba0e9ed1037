# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The same kills in a driver domain that is not dom0.
# limit: 300
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
in_guest drv 240 "mkdir /tmp/run; echo 'restart_ms = 50;' >/tmp/run/conf
	KILL_DOMID=$d kill_run /usr/local/sbin/acctringd /bin/kill_backend /tmp/run 60 $seed" >out ||
	fail "$(tail -n 20 out)"
grep '^#' out | tail -n 5 | while read -r l; do diag "${l#\# }"; done
in_guest drv 10 'dmesg | grep -E "BUG|WARNING|Oops|Bad page|still in use"' && fail "the guest's kernel log"
clean_log
