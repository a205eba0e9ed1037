# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What a guest may not know, in words of the store and the hypervisor; and
# that what it may know of its own CPU is what dom0 reads.
# on: xen sandbox
# limit: 150
# bed: oxenstored xenstored
extra=xen_privcmd.unrestricted=1 guest g
guest h
u=$(uuid_of h)
h=$(domid h)
refused() { # WHAT COMMAND ERROR
	in_guest g 15 "$2" >/run/bed/r && fail "$1 is not refused: $(cat /run/bed/r)"
	grep -q "$3" /run/bed/r || fail "$1: $(cat /run/bed/r), not: $3"
	diag "$store: $1: $(tail -n 1 /run/bed/r)"
}
refused "list of /local/domain" 'xsask list /local/domain' 'Permission denied'
refused "another guest's directory" "xsask list /local/domain/$h/device" 'Permission denied'
refused "/vm/<uuid> of another" "xsask read /vm/$u/uuid" 'Permission denied'
refused "getinfolist" 'runstate list' 'Operation not permitted'
# A watch may be accepted and then say nothing: what counts is that no event
# comes.  That one of its own comes, later than those could, is the control.
in_guest g 10 'for p in @releaseDomain @introduceDomain data/control; do xsask watch $p 100 >/tmp/w.${p##*/} 2>&1 & done
	until grep -q event /tmp/w.control; do sleep 0.1; done'
bg xsask watch @releaseDomain 200 >/run/bed/dom0
until_ok 20 grep -q event /run/bed/dom0 || fail "dom0's own watch"
xl destroy h
told() { [ "$(grep -c event /run/bed/dom0)" -ge 2 ]; }
until_ok 20 told || fail "dom0 is not told that a domain ended"
control() { in_guest g 10 'xsask write data/control x; grep -c event /tmp/w.control' | grep -qx '[2-9]'; }
until_ok 20 control || fail "a guest does not see its own writes"
for p in @releaseDomain @introduceDomain; do
	w=$(in_guest g 10 "cat /tmp/w.$p" | tr '\n' ' ')
	diag "$store: $p while a domain ends: $w"
	[ "$(echo "$w" | grep -o event | wc -l)" -le 1 ] || fail "a guest learns of $p"
done
in_guest g 10 'runstate answer 0 >/tmp/p & until grep -q ref /tmp/p; do sleep 0.1; done; cat /tmp/p' >/run/bed/ref
cpu=$(runstate compare "$(domid g)" "$(sed -n 's/^ref //p' /run/bed/ref)") ||
	fail "dom0 reads another CPU time than the guest: $cpu"
diag "own CPU by VCPUOP_get_runstate_info: $cpu"
