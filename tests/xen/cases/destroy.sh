# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# xl destroy of a guest in mid-flight: how long, what is left, what the ledger keeps.
# limit: 300
. /bed/toolstack.sh
driver_domain drv pv
accounting drv drv
start_at drv blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
guest victim
disk victim drv 64M
f=$(domid victim) b=$(domid drv)
in_guest victim 10 '(while :; do dd if=/dev/xvda of=/dev/null bs=64k iflag=direct; done) >/dev/null 2>&1 &'
until_ok 30 has_bill victim || fail "no bill"
began=$(date +%s%N)
xl -vvv destroy victim >/run/bed/xl 2>&1 || fail "xl destroy: $(tail -n 3 /run/bed/xl)"
ms=$((($(date +%s%N) - began) / 1000000))
diag "xl destroy of a guest with I/O in flight: $ms ms"
grep -i 'timed\? \?out' /run/bed/xl && fail "a timeout in xl -vvv destroy"
gone() { ! xenstore-list "/local/domain/$b/backend/abd/$f" 2>/dev/null | grep -q .; }
left=
until_ok 10 gone || left=$(xenstore-ls "/local/domain/$b/backend/abd/$f" | grep -E 'online|state' | tr -d '\n')
no_zombie() { ! xl list | awk '{ print $2 }' | grep -qx "$f"; }
until_ok 10 no_zombie || fail "zombie: $(xl list)"
guest next
disk next drv 64M
in_guest next 60 'dd if=/dev/xvda of=/dev/null bs=64k count=20 iflag=direct'
until_ok 20 has_bill next || fail "the next guest has no bill"
conserved drv drv
began=$(date +%s%N)
xl -vvv destroy drv >/run/bed/xl 2>&1 || fail "xl destroy drv"
diag "xl destroy of the driver domain: $((($(date +%s%N) - began) / 1000000)) ms"
clean_log
[ -z "$left" ] || fail "the backend's directory of the destroyed guest is left: $left"
