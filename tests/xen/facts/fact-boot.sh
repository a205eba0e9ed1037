# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A PV and a PVH guest start, answer, and stop.
# limit: 240
for type in pv pvh; do
	began=$SECONDS
	guest boot-$type $type
	in_guest boot-$type 10 'cat /sys/hypervisor/guest_type' | tee /run/bed/type
	grep -qix $type /run/bed/type || fail "guest type"
	diag "$type guest up in $((SECONDS - began)) s"
	xl destroy boot-$type
done
