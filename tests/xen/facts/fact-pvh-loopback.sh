# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A domain maps what it granted to itself, as a backend and an accountant in one
# domain do: does the mapper see what the granter writes afterwards?
# limit: 200
guest pv1 pv
guest pvh1 pvh
for g in pv1 pvh1; do
	d=$(domid $g)
	in_guest $g 20 "granter $d 1 >/tmp/g & until grep -q refs /tmp/g; do sleep 0.2; done
		ref=\$(sed 's/refs //' /tmp/g)
		(echo; sleep 2; echo) | mapper $d \$ref" >"$run/seen" || :
	diag "$g: granter counts up all the time, the mapper sees, 2 s between: $(tr '\n' ' ' <"$run/seen")"
	cp "$run/seen" "$run/seen-$g"
done
first() { sed -n 's/^ok //p' "$run/seen-$1" | head -n 1; }
last() { sed -n 's/^ok //p' "$run/seen-$1" | tail -n 1; }
[ "$(last pv1)" -gt "$(first pv1)" ] || fail "PV: the mapper does not see the granter's writes"
is "$(last pvh1)" "$(first pvh1)" "PVH: the mapper sees the granter's writes: docs/xen-lab.md says it does not"
