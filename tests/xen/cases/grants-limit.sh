# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# gntalloc gives a whole domain 1024 pages.  A link shrinks to what is left; where
# not even its least geometry fits, the error says how many pages it needs.
# on: xen sandbox
# limit: 60
limit=1024
if [ "$on" = xen ]; then
	limit=$(cat /sys/module/xen_gntalloc/parameters/limit)
fi
is "$limit" 1024 "gntalloc's limit"
hold() { # PAGES: by a granter, besides what others of this domain hold
	rm -f held
	granter 0 "$1" >held 2>&1 &
	holder=$!
	until_ok 10 grep -q . held
	grep -q refs held || fail "no $1 pages: $(cat held)"
}
open_link() { # LANES RING_PAGES: its words in ./words; it leaves at once
	linkpages "$1" "$2" </dev/null >words 2>&1
}
open_link 8 16 || fail "alone: $(cat words)"
diag "nothing else granted: $(cat words)"
grep -q '^granted: lanes 8 ring_pages 16 of 16, 147 pages' words || fail "not what was asked for: $(cat words)"
hold 924 # 100 are left
open_link 8 16 || fail "with 100 pages left: $(cat words)"
diag "100 pages left: $(cat words)"
grep -q '^granted: lanes 8 ring_pages 8 of 16, 83 pages' words || fail "did not shrink to what is left: $(cat words)"
kill -9 $holder
wait $holder || :
hold 1000 # 24 are left: sums only, 2 pages a lane
open_link 8 16 || fail "with 24 pages left: $(cat words)"
diag "24 pages left: $(cat words)"
grep -q '^granted: lanes 8 ring_pages 0 of 16, 19 pages' words || fail "did not shrink to sums: $(cat words)"
! open_link 16 16 || fail "35 pages where 24 are left: $(cat words)"
diag "24 pages left, 16 lanes: $(cat words)"
is "$(cat words)" "No space left on device: 35 pages needed"
kill -9 $holder
wait $holder || :
hold 1022
rc=0
timeout 20 acctring-blkback >blkback 2>&1 || rc=$?
is "$rc" 4 "blkback's exit code where no link fits"
diag "blkback: $(cat blkback)"
grep -q 'pages needed): No space left on device' blkback || fail "blkback's words: $(cat blkback)"
kill -9 $holder
clean_log
