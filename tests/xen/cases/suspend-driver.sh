# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A driver domain is suspended while its backend posts; the accountant is in dom0.
# A checkpoint changes nothing.  After save and restore grants, ports and nodes are
# gone and the domid is another: the backend posts on, begins a new epoch, and what
# is in no bill is counted.
# limit: 180
driver=1 memory=192 guest drv - driver_domain=1
accounting drv dom0
start_at drv ticker ticker
told() { # what the backend says of itself: a field of its last line
	in_guest drv 20 'n=$(wc -l </tmp/ticker.out); kill -USR1 $(cat /tmp/ticker.pid)
		until [ $(wc -l </tmp/ticker.out) -gt $n ]; do sleep 0.1; done; tail -n 1 /tmp/ticker.out' |
		tr ' ' '\n' | sed -n "s/^$1=//p"
}
in_ledger() { sqlite3 -readonly /tmp/ledger.db "SELECT coalesce(sum(posts), 0) FROM posted"; }
attached() { # DOMID EPOCH
	at dom0 10 'acctctl dump links' |
		awk -F '\t' -v d="$1" -v e="$2" '$1 == d && $3 == e && $5 == "attached" { ok = 1 } END { exit !ok }'
}
grown() { [ "$(in_ledger)" -gt "$1" ]; }
old=$(domid drv) epoch=$(told epoch)
until_ok 20 attached "$old" "$epoch" || fail "no link: $(log_of drv ticker; log_of dom0 acctringd)"
until_ok 20 grown 100 || fail "nothing in the ledger"

timed xl save -c drv "$PWD/image"
is "$(told epoch)" "$epoch" "epoch after a checkpoint"
n=$(in_ledger)
until_ok 20 grown "$n" || fail "after a checkpoint the ledger stands"

timed xl save drv "$PWD/image"
until_ok 20 is_gone "$old" || fail "a zombie: $(xl list)"
saved=$(in_ledger)
timed xl restore "$PWD/image"
new=$(domid drv)
[ "$new" != "$old" ] || fail "the domid is still $old"
other() { new_epoch=$(told epoch) && [ "$new_epoch" != "$epoch" ]; }
until_ok 40 other || fail "no new epoch: $(log_of drv ticker; console_of drv)"
until_ok 40 attached "$new" "$new_epoch" || fail "not attached again: $(
	log_of drv ticker; log_of dom0 acctringd; xenstore-ls -f "/local/domain/$new/data/acctring")"
until_ok 20 grown $((saved + 100)) || fail "the ledger stands at $saved"
in_guest drv 10 'kill $(cat /tmp/ticker.pid); until grep -q ^closed /tmp/ticker.out; do sleep 0.1; done
	grep -e ^end -e ^closed /tmp/ticker.out' >"$run/end" || fail "the backend does not end: $(console_of drv)"
read -r posts left < <(sed -n 's/^end posts=\([0-9]*\) .*left_behind=\([0-9]*\).*/\1 \2/p' "$run/end")
all_in() { [ $((posts - $(in_ledger))) -le "$left" ]; }
until_ok 20 all_in || fail "posts $posts, in the ledger $(in_ledger), counted as left behind $left"
[ "$(in_ledger)" -le "$posts" ] || fail "posts $posts, in the ledger $(in_ledger): a post twice"
is "$(sqlite3 -readonly /tmp/ledger.db 'SELECT sum(epochs_lost) FROM domain')" 0 "epochs lost"
diag "domid $old to $new: posts $posts, in the ledger $(in_ledger), left_behind $left; at the save $saved"
diag "its kernel says: $(in_guest drv 10 'dmesg | grep -cE "WARNING|BUG"; dmesg | grep -E "WARNING|kernel BUG" | head -n 3' | tr '\n' ' ')"
clean_log
