# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Hypercalls of a driver domain while a poster in it posts nothing, N records,
# 10 N, 100 N: none per record.  Counted in Xen, by xentrace.
# limit: 150
uuid=22222222-2222-2222-2222-222222222222
trap 'xl vcpu-pin 0 all all; xenstore-rm /local/domain/0/acctring' EXIT
# a processor of its own, whose counter it reads as Xen does
driver=1 memory=320 guest_create drv pv driver_domain=1 "tsc_mode='native'"
driver_up drv
d=$(domid drv)
last=$(($(xl info nr_cpus) - 1)) # the only one, maybe: then dom0's are in the trace, and left out
xl vcpu-pin 0 all 0 && xl vcpu-pin drv all $last
xenstore-write "/local/domain/$d/acctring" ''
xenstore-chmod "/local/domain/$d/acctring" n0 "r$d"

declare -a records calls
# count ACCOUNTANT: posts in drv, accountant there or in dom0; sets records[] and calls[]
count() {
	local a=$1 id file=$results/hypercalls-$1 xentrace k n
	id=$(domid_of "$a")
	xenstore-write "/local/domain/$id/acctring/backend/$d/2" "v=1 uuid=$uuid serial=1 state=on" \
		"/local/domain/$id/acctring/backend/$d" "v=1 uuid=${uuid//2/1} name=drv" \
		"/local/domain/$d/acctring/accountant" "$id"
	start_at "$a" acctringd 'acctringd -d /tmp/ledger.db -s /tmp/acctringd.sock'
	# classes PV and scheduler, on its processor
	xentrace -D -e 0x0022b000 $([ "$last" = 0 ] || echo "-c $((1 << last))") -S 256 "$run/trace" >"$file.xentrace" 2>&1 &
	xentrace=$!
	echo $xentrace >>"$run/pids"
	in_guest drv 60 "hypercall_post 2 $id 8 200" >"$file" || fail "$(cat "$file")"
	kill $xentrace && wait $xentrace || fail "xentrace: $(cat "$file.xentrace")"
	hypercalls "$d" "$file" "$run/trace" >"$file.counts" || fail "$(cat "$file.counts")"
	while read -r _ k _ _ n; do records[k]=$n; done < <(grep ^kind "$file")
	while read -r _ k _ n _; do calls[k]=$n; done < <(grep ^kind "$file.counts")
	diag "accountant in $a: $(head -n 1 "$file.counts"); in 1.6 s each, busy all the time:"
	for k in 0 1 2 3 4 5; do
		diag "$(sed -n "s/^kind $k \([^ ]*\) .*/\1/p" "$file"): ${records[k]} records, ${calls[k]} hypercalls"
	done
	diag "hypercalls for 1000 records more: $(slope 1 3); with spans: $(slope 0 4); with a call each: $(slope 0 5)"
	stop_at "$a" acctringd
}
# slope FROM TO: hypercalls for 1000 records more
slope() { echo "$((calls[$2] - calls[$1])) $((records[$2] - records[$1]))" | awk '{ printf "%.3f", 1000 * $1 / ($2 ? $2 : 1) }'; }
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }

count dom0
[ "${records[3]}" -gt $((20 * records[1])) ] && [ "${records[3]}" -gt 200000 ] ||
	fail "too few records: ${records[*]}"
below "$(slope 1 3)" 0.5 || fail "hypercalls grow with posts"
! below "$(slope 0 5)" 900 || fail "a call with each post is not seen"
count drv
below "$(slope 1 3)" 5 || fail "hypercalls grow with posts"
clean_log
