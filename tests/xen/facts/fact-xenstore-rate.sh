# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A domU's writes a second: alone; while another domU holds a transaction
# open; while another makes conflicting transactions.
# limit: 240
guest w1
guest w2
diag "$store, alone: $(in_guest w1 30 'xsload write 8')"
in_guest w2 10 'xsload hold 20 >/tmp/h & sleep 2; cat /tmp/h' | grep -q held || fail "no transaction"
diag "$store, another guest holds a transaction: $(in_guest w1 60 'xsload write 8')"
sleep 12
diag "$store, the holder's end: $(in_guest w2 10 'tail -n 1 /tmp/h')"
in_guest w2 10 'xsload conflict 10 >/tmp/h & sleep 1'
diag "$store, another guest makes transactions: $(in_guest w1 60 'xsload write 6')"
sleep 5
diag "$store, those transactions: $(in_guest w2 10 'tail -n 1 /tmp/h')"
diag "$store, dom0 meanwhile alone: $(xsload write 3 2>&1 || :)"
