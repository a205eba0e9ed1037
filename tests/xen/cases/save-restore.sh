# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A guest is saved and restored: new domid, same UUID.  Its account goes on,
# and its own xen-blkfront goes on with the disk that it is given again.
# limit: 150
memory=96 guest saved
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
disk saved dom0 16M
in_guest saved 60 'dd if=/dev/urandom of=/tmp/x bs=64k count=20 &&
	dd if=/tmp/x of=/dev/xvda bs=64k conv=fsync' || fail "the guest's disk"
until_ok 20 has_bill saved || fail "no bill"
old=$(domid saved) uuid=$(uuid_of saved)
account() { # ns posted for this VM
	at dom0 10 'acctctl dump accounts' |
		awk -F '\t' -v u="$uuid" '$1 == u { s += $11 } END { printf "%.0f\n", s }'
}
timed xl save saved "$PWD/image"
until_ok 20 no_node "/local/domain/0/backend/abd/$old/51712" ||
	fail "the backend keeps the saved guest's disk: $(log_of dom0 blkback)"
before=$(account)
# xl knows nothing of a disk that is not its own: its nodes are made as for a new
# guest, while it is paused, for a kernel that resumes looks for its devices once
timed xl restore -p "$PWD/image"
new=$(domid saved) back=/local/domain/0/backend/abd/$(domid saved)/51712
[ "$new" != "$old" ] || fail "the domid is still $old"
is "$(uuid_of saved)" "$uuid" "the UUID"
ts_vbd "$new" 0 51712 /tmp/disk-saved w || fail "no disk"
xl unpause saved
until_ok 40 state_is "$back" 4 || fail "the disk: backend state $(ts_state "$back"), frontend $(
	ts_state "/local/domain/$new/device/vbd/51712"), $(log_of dom0 blkback; console_of saved)"
in_guest saved 60 'dd if=/dev/xvda of=/tmp/y bs=64k count=20 iflag=direct && cmp /tmp/x /tmp/y' ||
	fail "the disk after the restore: $(in_guest saved 10 'dmesg | tail -n 5')"
until_ok 20 has_bill saved || fail "no bill after the restore"
grown() { [ "$(account)" -gt "$before" ]; }
until_ok 20 grown || fail "the account stands at $before"
until_ok 20 eval '[ "$(posted saved)" = "$(account)" ]' || fail "bill $(posted saved), account $(account)"
diag "domid $old to $new: posted_ns $before, then $(account); bill: $(bill_of saved)"
conserved dom0 dom0 rebooted=1
clean_log
