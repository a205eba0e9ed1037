# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Does a lowered cap survive a reboot of the guest?  (libxl copies the current
# one into the configuration.)
# limit: 240
cmd=sched-$sched
guest cap - "cap=50"
d=$(domid cap)
read_cap() { xl $cmd -d cap | awk 'NR > 1 { print $NF }' | tail -n 1; }
is "$(read_cap)" 50 "cap from the configuration"
xl $cmd -d cap -c 20
is "$(read_cap)" 20 "lowered cap"
u=$(uuid_of cap)
reboot_guest cap
diag "cap 50 in the configuration, lowered to 20, guest reboots: domid $d -> $(domid cap), cap $(read_cap)"
is "$(uuid_of cap)" "$u" "UUID after the reboot"
