# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A rebooted guest, new domid and same UUID, keeps its account.
# limit: 300
. /bed/toolstack.sh
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
guest again
disk again dom0 64M
posted() { bill_of again | sed -n 's/.*posted_ns=\([0-9]*\).*/\1/p'; }
in_guest again 60 'dd if=/dev/xvda of=/dev/null bs=64k count=50'
until_ok 20 has_bill again || fail "no bill"
sleep 3
before=$(posted)
old=$(domid again)
in_guest again 5 '(sleep 1; reboot -f) &'
rebooted() { n=$(domid again 2>/dev/null) && [ "$n" != "$old" ]; }
until_ok 60 rebooted || fail "no reboot"
agent_up again
disk again dom0 64M
in_guest again 60 'dd if=/dev/xvda of=/dev/null bs=64k count=50'
more() { n=$(posted) && [ -n "$n" ] && [ "$n" -gt "$before" ]; }
until_ok 20 more || fail "the account does not go on: before $before, now $(posted), bill $(bill_of again)"
diag "domid $old -> $(domid again): posted_ns $before -> $(posted)"
stop_at dom0 blkback
ACCTRING_SOCKET=/tmp/acctringd.sock acctctl dump accounts >dump
is "$(grep -v '^#' dump | cut -f 1 | sort -u | grep -cv 00000000-0000-0000-0000-000000000000)" 1 "VMs in the ledger"
clean_log
