# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# More processes of a driver domain than it has grants for attach at once, with the
# load of quota-store on: a guest holds a transaction open, 25 domains never read
# their watches.  A backend that was there before goes on being committed.
# limit: 400
# bed: oxenstored xenstored
trap 'bare end /run/bed/bare' EXIT
guests drv:driver g
b=$(domid drv)
diag "$(bare make /run/bed/bare "$b" 25 25)"
accounting drv drv
start_at drv poster 'poster bills 900 1000 25'
at drv 60 'until grep -q attached_ms /tmp/poster.out; do sleep 0.5; done'
at g 15 "xsload hold 3000 >/tmp/hold & until grep -q held /tmp/hold; do sleep 0.1; done"
diag "$store: $(bare watch /run/bed/bare "$b"); a guest holds a transaction"
step "the load is on"

# a loop of a shell, there, would be a process more every time
at drv 10 "poster crowd 210 $((240 * slow)) >/tmp/crowd 2>&1 & echo \$! >/tmp/crowd.pid"
crowd=$(at drv 260 'until grep -q burn /tmp/crowd; do sleep 2; done; cat /tmp/crowd')
diag "$crowd"
step "the crowd has its answers"
# its processes stopped themselves then, and what they have stays
stop_at drv poster || fail "poster does not end"
pulse=$(at drv 10 'cat /tmp/poster.out')
diag "a backend that was there before: $pulse"
links=$(xenstore-list "/local/domain/$b/data/acctring/link" | wc -l)
room=$(at drv 60 'xsload room')
diag "$store: $links links; what the driver domain has left: $room"
step "what is left is counted"
at drv 10 'kill -KILL -$(cat /tmp/crowd.pid)'

is "$links" "$(field "$crowd" attached)" "links in the store"
least "processes that are attached" 200 "$(field "$crowd" attached)"
is "$(field "$crowd" no_space)" "$((210 - $(field "$crowd" attached)))" "processes that are told: no space"
most "longest without a commit meanwhile (ms)" $((20000 * slow)) "$(field "$pulse" longest_ms)"
is "$(field "$pulse" left)" 0 "posts not committed"
least "watches that are left for others" 20 "$(field "$room" watches)"
least "transactions that are left for others" 5 "$(field "$room" transactions)"
is "$(in_guest g 10 'grep -c end: /tmp/hold; :')" 0 "transactions that ended before the load did"
clean_log
step "end"
