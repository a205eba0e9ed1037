# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Devices by acctctl attach, of a kind that xl does not know.  xl destroy of a
# guest in mid-flight and of the driver domain: how long, what is left, what the
# ledger keeps; acctctl detach, and attach again.
# bed: xenstored
# limit: 160
guests drv:driver victim next
accounting drv drv
start_at drv blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
at drv 10 'truncate -s 64M /tmp/victim /tmp/next'
f=$(domid victim) b=$(domid drv) n=$(domid next)
dir=/local/domain/$b/backend/abd
for g in victim next; do
	acctctl attach disk "$g" xvda "/tmp/$g" --backend drv --wait 60 || fail "$g: $(log_of drv blkback)"
done
io_start victim
until_ok 30 has_bill victim || fail "no bill"

timed_xl destroy victim
until_ok 5 no_node "$dir/$f" || fail "left behind: $(xenstore-ls -fp "$dir/$f"; log_of drv blkback)"
until_ok 10 is_gone "$f" || fail "zombie: $(xl list)"
io_check next
until_ok 20 has_bill next || fail "the next guest has no bill"

timed acctctl detach next xvda --wait 60
no_node "$dir/$n" || fail "detached, but: $(xenstore-ls -fp "$dir/$n")"
acctctl attach disk next xvda /tmp/next --backend drv --wait 60 || fail "again: $(log_of drv blkback)"
io_read next
# the guest's driver goes, nobody unplugs: Closed, and the device stays
in_guest next 20 'echo vbd-51712 >/sys/bus/xen/drivers/vbd/unbind'
until_ok 20 state_is "$dir/$n/51712" 6 || fail "unbound, but $(ts_state "$dir/$n/51712")"
conserved drv drv
is "$(ts_state "$dir/$n/51712")/$(xenstore-read "$dir/$n/51712/online")" 6/1 "a device that nobody unplugs"

timed_xl destroy drv
until_ok 20 is_gone "$b" || fail "zombie: $(xl list)"
timed_xl destroy next
no_node "/libxl/$n" || fail "left of next: $(xenstore-ls "/libxl/$n")"
clean_log
