# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A rebooted guest, new domid and same UUID, keeps its account.
# bed: xenstored
# limit: 120
# on: xen sandbox
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
guest again
disk again dom0 64M
io_read again
# a bill that says all: the sum does not move any more
settled() {
	last=${before:-}
	sleep 1.5
	before=$(posted again)
	[ "$before" = "$last" ]
}
until_ok 30 has_bill again || fail "no bill: $(log_of dom0 collector; log_of dom0 acctringd)"
until_ok 30 settled || fail "the bill does not settle"
old=$(domid again) uuid=$(uuid_of again)
reboot_guest again
is "$(uuid_of again)" "$uuid" "UUID after the reboot"
[ "$(domid again)" != "$old" ] || fail "the domid is the same, $old"
disk again dom0 64M
io_read again
more() { n=$(posted again) && [ -n "$n" ] && [ "$n" -gt "$before" ]; }
until_ok 20 more || fail "the account does not go on: before $before, now $(posted again), bill $(bill_of again)"
diag "domid $old -> $(domid again): posted_ns $before -> $n"
conserved dom0 dom0 rebooted=1
at dom0 10 'acctctl dump accounts' >dump
is "$(grep -v '^#' dump | cut -f 1 | grep -v 00000000-0000-0000-0000-000000000000 | sort -u)" "$uuid" "VMs in the ledger"
clean_log
