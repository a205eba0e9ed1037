# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A domid that another VM gets at once (xl waits a minute): it does not inherit
# the account.  Rows of the backend that were opened for the old VM stay the old VM's,
# those that are opened now are the new one's.
# on: xen sandbox
# limit: 120
d=1000
tree=/local/domain/0/acctring/backend/0
old=ba5e0000-0000-4000-8000-0000000000a1 new=ba5e0000-0000-4000-8000-0000000000b2
vm() { # DOMID TAG
	if [ "$on" = xen ]; then
		reuse make "$1" "$2" 0
		return
	fi
	xsandbox create "$1" --name "reuse-$2" --uuid "ba5e0000-0000-4000-8000-0000000000$2"
	xenstore-write "/libxl/$1/device/vbd/51712/backend" "/local/domain/0/backend/abd/$1/51712"
}
vm_end() { if [ "$on" = xen ]; then reuse end "$1"; else xsandbox destroy "$1"; fi; }
served() { xenstore-read "$tree/$1" 2>/dev/null | grep -q "uuid=$2.* state=on"; }
ended() { ! xenstore-read "$tree/$d" 2>/dev/null | grep -q state=on; }
dump() { at dom0 20 'acctctl dump accounts' | awk -F '\t' -v v="$1" '$1 == v' >"$1"; }
# The payers of backend INDEX are told apart by their devices, 6 to each.
posts_of() { awk -F '\t' -v i="$2" '$6 >= 6 * i && $6 < 6 * i + 6 { n += $8 } END { print n + 0 }' "$1"; }
poster() { # INDEX: in the background
	truncate -s 4096 "oracle-$1"
	KILL_DOMID=0 KILL_PAYER=$d bg kill_backend "$PWD/oracle-$1" 1 "$1" 1 0
	pid=$!
}
has_posts() { dump "$1" && [ "$(posts_of "$1" "$2")" -gt 0 ]; }

accounting dom0 dom0
vm $((d + 1)) c3 # another, that stays
vm $d a1
until_ok 20 served $((d + 1)) ba5e || fail "the other is not served"
until_ok 20 served $d $old || fail "not served: $(xenstore-ls $tree)"
serial=$(xenstore-read $tree/$d | sed 's/.*serial=\([0-9]*\).*/\1/')
poster 0
first=$pid
until_ok 20 has_posts $old 0 || fail "the old VM has no posts: $(log_of dom0 acctringd)"
vm_end $d
until_ok 20 ended || fail "still served: $(xenstore-read $tree/$d)"
vm $d b2
until_ok 20 served $d $new || fail "the new VM is not served: $(xenstore-read $tree/$d)"
diag "domid $d: serial $serial, then $(xenstore-read $tree/$d | sed 's/.*\(serial=[0-9]*\).*/\1/')"
before=$(posts_of $old 0)
poster 1
until_ok 20 has_posts $new 1 || fail "the new VM has no posts: $(log_of dom0 acctringd)"
more() { dump $old && [ "$(posts_of $old 0)" -gt "$before" ]; }
until_ok 10 more || fail "rows that were opened for the old VM are not its own any more"
kill $first $pid
wait $first $pid || fail "a backend's end"
dump $old
dump $new
diag "the old VM: $(posts_of $old 0) posts of rows opened for it, $(posts_of $old 1) of later ones"
diag "the new VM: $(posts_of $new 1) posts of rows opened for it, $(posts_of $new 0) of earlier ones"
is "$(posts_of $old 1) $(posts_of $new 0)" "0 0" "posts that went to the wrong VM"
stop_at dom0 acctringd
cp "$(at dom0 5 'echo /tmp/ledger.db')" ledger.db
KILL_DOMID=0 kill_check "$PWD" 1 2 >sums || fail "the sums: $(cat sums)"
diag "$(sed -n 's/^# inc/inc/p' sums)"
vm_end $d
vm_end $((d + 1))
clean_log
