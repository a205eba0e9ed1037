# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The accountant is upgraded to the next minor of the protocol, and downgraded again,
# while a backend of either minor posts: both go on, nothing is lost.  What else
# versions promise: tests/upgrade.t.
# limit: 120
tree=/local/domain/0/acctring ledger=/tmp/run/ledger.db seed=7
xenstore-write $tree/accountant 0 \
	$tree/backend/0 "v=1 uuid=00000000-0000-0000-0000-000000000000 name=Domain-0" \
	$tree/backend/0/2 "v=1 uuid=22222222-2222-2222-2222-222222222222 serial=1 state=on" \
	$tree/backend/0/3 "v=1 uuid=33333333-3333-3333-3333-333333333333 serial=1 state=on"
mkdir /tmp/run

epoch() { od -An -tx8 -N8 "/tmp/run/oracle-$1" | tr -d ' '; }
attached() { xenstore-ls /local/domain/0/data/acctring/peer/0 2>/dev/null | grep -q "attached $(epoch "$1")"; }
posts() { od -An -tu8 -j136 -N8 "/tmp/run/oracle-$1" | tr -d ' '; } # done on lane 0
in_ledger() { sqlite3 -readonly $ledger 'SELECT sum(posts) FROM posted'; }
more() { local n && n=$("${@:2}") && [ "${n:-0}" -gt "${1:-0}" ]; }
backend() { # INDEX PROGRAM
	truncate -s 4096 "/tmp/run/oracle-$1"
	start_at dom0 "backend-$1" "$2 /tmp/run/oracle-$1 $seed $1 2 0"
}
accountant() { # PROGRAM, NAME of its version
	local before old new
	start_at dom0 acctringd "$1 -v -d $ledger -s /tmp/run/sock"
	until_ok 20 attached 0 && until_ok 20 attached 1 || fail "$2: not attached: $(log_of dom0 acctringd)"
	before=$(in_ledger) old=$(posts 0) new=$(posts 1)
	until_ok 20 more "$before" in_ledger || fail "$2: the ledger stands at $before"
	until_ok 20 more "$old" posts 0 && until_ok 20 more "$new" posts 1 || fail "$2: a backend does not post"
	diag "accountant $2: both backends attached, $(in_ledger) posts in the ledger"
}
backend 0 kill_backend
backend 1 "$bed/minor/kill_backend"
accountant acctringd 1.2
stop_at dom0 acctringd || fail "acctringd does not end"
accountant "$bed/minor/acctringd" 1.3
in_dom0 20 'until grep -q "^accountant: kill_backend born b0a4" /tmp/acctringd.log; do sleep 0.1; done' ||
	fail "accountant 1.3 does not read what backend 1.3 adds"
stop_at dom0 acctringd || fail "acctringd 1.3 does not end"
accountant acctringd "1.2 again"
for i in 0 1; do stop_at dom0 backend-$i || fail "backend $i does not close: $(log_of dom0 backend-$i)"; done
KILL_DOMID=0 kill_check /tmp/run $seed 2 shared || fail "sums"
stop_at dom0 acctringd
xenstore-rm $tree
clean_log
