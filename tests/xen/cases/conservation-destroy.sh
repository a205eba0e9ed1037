# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# xl destroy of a driver domain in mid-flight, the accountant in dom0: everything
# that its backends posted until their last instruction is in the ledger, and within
# a second or two the accountant lets the domain go.  What was posted is read
# from pages that the backends share with dom0: they outlive the domain as the
# link's pages do, for as long as dom0 maps them.
# on: xen sandbox
# bed: xenstored
# limit: 180
vm=1000 seed=$RANDOM
driver_domain drv
b=$(domid drv)
for f in $vm $((vm + 1)); do
	if [ "$on" = xen ]; then
		reuse make "$f" $((f - vm + 10)) "$b"
	else
		xsandbox create "$f" --name "vm-$f" --uuid "ba5e0000-0000-4000-8000-00000000$f"
		xenstore-write "/libxl/$f/device/vbd/51712/backend" "/local/domain/$b/backend/abd/$f/51712"
	fi
done
accounting drv dom0
served() { xenstore-read "/local/domain/0/acctring/backend/$b/$((vm + 1))" 2>/dev/null | grep -q state=on; }
until_ok 30 served || fail "not served: $(log_of dom0 collector)"
for i in 0 1; do
	start_at drv "kill-$i" "KILL_PAYER=$vm kill_backend grant:0 $seed $i 3 0"
	until_ok 10 eval "at drv 5 'cat /tmp/kill-$i.out' | grep -q oracle" || fail "no oracle: $(log_of drv "kill-$i")"
	ref=$(at drv 5 "cat /tmp/kill-$i.out" | sed -n 's/^oracle //p')
	mkfifo "go-$i"
	keep "$b" "$ref" "oracle-$i" <"go-$i" >"kept-$i" 2>&1 &
	keeper[i]=$!
done
exec 7>go-0 8>go-1
posting() { # all six lanes, some hundred posts each
	echo look >&7
	echo look >&8
	until_ok 5 eval '[ -s oracle-0 ] && [ -s oracle-1 ]'
	[ "$(od -An -v -tu8 -w128 -j128 -N384 oracle-0 oracle-1 | awk '$2 > 300' | wc -l)" -ge 3 ]
}
until_ok 30 posting || fail "no posts: $(cat kept-0 kept-1; log_of drv kill-0)"
committed() { at dom0 20 'acctctl dump accounts' | awk -F '\t' '$1 ~ /^ba5e/ && $8 > 0 { ok = 1 } END { exit !ok }'; }
until_ok 20 committed || fail "nothing in the ledger: $(log_of dom0 acctringd)"
sleep "0.$((RANDOM % 1000))"

destroy drv || fail "destroy"
began=$(date +%s%N)
rm -f oracle-0 oracle-1
echo last >&7
echo last >&8
until_ok 5 eval '[ -s oracle-0 ] && [ -s oracle-1 ]' || fail "no oracle: $(cat kept-0 kept-1)"
exec 7>&- 8>&-
wait "${keeper[@]}"
until_ok 20 is_gone "$b" || late=": a zombie after 20 s"
ms=$((($(date +%s%N) - began) / 1000000))
diag "the accountant let go of the destroyed driver domain in $ms ms${late:-}"
stop_at dom0 acctringd
stop_at dom0 collector
cp "$(at dom0 5 'echo /tmp/ledger.db')" ledger.db
KILL_DOMID=$b kill_check "$PWD" "$seed" 2 >sums || fail "the sums: $(cat sums)"
diag "$(sed -n 's/^# \(inc\)/\1/p' sums)"
if [ -n "${late:-}" ] || [ $ms -gt $((6000 * slow)) ]; then
	fail "zombie: $(log_of dom0 acctringd)"
fi
for f in $vm $((vm + 1)); do
	if [ "$on" = xen ]; then reuse end "$f"; else xsandbox destroy "$f"; fi
done
clean_log
