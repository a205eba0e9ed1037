# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # b and store: the case
# crowd VMS: more processes of drv than it has grants for attach at once.  A backend
# that was there before goes on being committed, and others find room in the store.
crowd() {
	local crowd pulse links room
	start_at drv poster "poster bills 900 1000 $1"
	at drv 60 'until grep -q attached_ms /tmp/poster.out; do sleep 0.5; done'
	# a loop of a shell, there, would be a process more every time
	at drv 10 "poster crowd 210 $((240 * slow)) >/tmp/crowd 2>&1 & echo \$! >/tmp/crowd.pid"
	crowd=$(at drv 260 'until grep -q burn /tmp/crowd; do sleep 2; done; cat /tmp/crowd')
	diag "$crowd"
	# its processes stopped themselves then, and what they have stays
	stop_at drv poster || fail "poster does not end"
	pulse=$(at drv 10 'tail -n 1 /tmp/poster.out')
	diag "a backend that was there before: $pulse"
	links=$(xenstore-list "/local/domain/$b/data/acctring/link" | wc -l)
	room=$(at drv 60 'xsload room')
	diag "$store: $links links; what the driver domain has left: $room"
	step "the crowd has its answers"
	at drv 10 'kill -KILL -$(cat /tmp/crowd.pid)'

	least "processes that are attached" 200 "$(field "$crowd" attached)"
	is "$(field "$crowd" no_space)" "$((210 - $(field "$crowd" attached)))" "processes that are told: no space"
	is "$links" "$(field "$crowd" attached)" "links in the store"
	most "longest without a commit while they attach (ms)" $((20000 * slow)) "$(field "$pulse" longest_ms)"
	is "$(field "$pulse" left)" 0 "posts not committed"
	least "watches that are left for others" 20 "$(field "$room" watches)"
	least "transactions that are left for others" 5 "$(field "$room" transactions)"
}
