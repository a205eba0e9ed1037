# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What CPU time a guest can read about itself, against dom0's reading; what
# it cannot read.  Since XSA-482 Linux refuses hypercalls from user space in
# an unprivileged domain, unless the administrator of that domain says
# xen_privcmd.unrestricted=1.
# limit: 300
for type in pv pvh; do
	guest rs-$type $type
	if in_guest rs-$type 10 runstate >/run/bed/rs; then
		diag "$type: own runstate, as the kernel comes: $(head -n 1 /run/bed/rs)"
	else
		diag "$type: own runstate, as the kernel comes: $(cat /run/bed/rs)" \
			"($(in_guest rs-$type 10 'dmesg | grep -o "xen_privcmd: .*"' | tail -n 1))"
	fi
	xl destroy rs-$type
	extra=xen_privcmd.unrestricted=1 guest rs-$type $type
	in_guest rs-$type 10 runstate >/run/bed/rs || fail "$type: $(cat /run/bed/rs)"
	grep -q 'running [1-9]' /run/bed/rs || fail "$type: no runstate: $(cat /run/bed/rs)"
	in_guest rs-$type 10 'runstate list' >/run/bed/list && fail "getinfolist is not refused"
	diag "$type, unrestricted=1: $(grep -o 'vcpu 0.*' /run/bed/rs); getinfolist: $(cat /run/bed/list)"
	in_guest rs-$type 10 'runstate answer 0 >/tmp/p & until grep -q ref /tmp/p; do sleep 0.1; done; cat /tmp/p' >/run/bed/ref
	cpu=$(runstate compare "$(domid rs-$type)" "$(sed -n 's/^ref //p' /run/bed/ref)") ||
		fail "$type: dom0 reads another CPU time: $cpu"
	diag "$type, unrestricted=1: $cpu"
	xl destroy rs-$type
done
diag "dom0 of itself: $(runstate | head -n 1)"
