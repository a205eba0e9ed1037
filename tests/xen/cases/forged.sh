# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A bill is its guest's to read and nobody's to write; and what a guest writes
# of itself, a link and a statement that are right in every respect, changes no
# number: nobody looks at them, for dom0 did not name it.
# on: xen sandbox
# limit: 240
guests payer forger
p=$(domid payer) g=$(domid forger)
accounting dom0 dom0
start_at dom0 blkback acctring-blkback
disk payer dom0 16M
io_read payer 2
until_ok 30 has_bill payer || fail "no bill; $(log_of dom0 collector; log_of dom0 acctringd)"
refused() { # WHO WHAT
	in_guest "$1" 5 "$2" >/run/bed/r && fail "$1: $2 is not refused: $(cat /run/bed/r)"
	diag "$store: $1: $2: $(tail -n 1 /run/bed/r)"
	grep -q 'Permission denied' /run/bed/r || fail "$1: $2: $(cat /run/bed/r)"
}
refused payer 'xsask write acctring/bill forged'
refused forger "xsask read /local/domain/$p/acctring/bill"

# Nothing is served any more: what is known now is what has to stay.
numbers() {
	{
		at dom0 20 'acctctl dump accounts; acctctl dump links | cut -f 1-9,11
			acctctl dump domains | cut -f 1-3,5,8-12'
		{
			xenstore-ls -f /local/domain | cut -d ' ' -f 1 | grep '/acctring/\(bill\|backend\|accountant\)'
			xenstore-ls -f /tool/acctring/served | cut -d ' ' -f 1 | grep '/served/[0-9]*/.*/'
		} | grep -v measured | while read -r n; do echo "$n $(xenstore-read "$n")"; done
	} | sed 's/ t=[0-9]*//'
	wc -l </tmp/acctringd.log
	wc -l </tmp/collector.log
}
settled() {
	numbers >now
	cmp -s now before || { mv now before && return 1; }
}
touch before
until_ok 40 settled || fail "numbers do not settle: $(diff before now)"
in_guest forger 60 "forge $g 0 $p 8" >said || fail "forge: $(cat said)"
diag "$store: forger: $(tail -n 1 said)"
sleep 2 # two periods of bills more
numbers >after
lines=$(($(tail -n 2 after | paste -sd+) - ($(tail -n 2 before | paste -sd+))))
diag "lines in the logs meanwhile: $lines"
[ "$lines" -le 5 ] || fail "the logs: $(tail -n 4 /tmp/acctringd.log; tail -n 4 /tmp/collector.log)"
for f in before after; do head -n -2 $f >$f.numbers; done
diff before.numbers after.numbers >changed || fail "a forged tree changes: $(cat changed)"
# dom0 serves its console, on Xen: it may have a bill, of nothing
grep "^/local/domain/$g/acctring/bill" after | grep '_ns=[1-9]' && fail "the forger has a bill"
before=$(posted payer)
io_read payer 2
more() { [ "$(posted payer)" -gt "$before" ]; }
until_ok 30 more || fail "no bill after the forger"
clean_log
