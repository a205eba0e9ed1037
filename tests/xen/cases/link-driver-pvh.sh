# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A PVH driver domain serving another guest.  Its accountant is in dom0: on x86
# a PVH domain cannot map what it granted itself (fact-pvh-loopback), and is
# told so when it tries.
# limit: 300
. "$bed/lib-link.sh"
driver_create drv pvh
link drv dom0
is "$(in_guest drv 10 'cat /sys/hypervisor/guest_type' | tail -n 1)" PVH "the driver domain's type"
accounting drv drv
start_at drv blkback 'acctring-blkback -v'
told() { at drv 5 'cat /tmp/acctringd.log' | grep -q 'cannot be its own accountant'; }
until_ok 30 told || fail "not refused: $(log_of drv acctringd)"
diag "its own accountant: $(at drv 5 'grep -h "own accountant" /tmp/acctringd.log' | tail -n 1)"
