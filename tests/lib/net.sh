# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# net.sh - to be sourced after domain.sh, toolstack.sh: acctring-netfront in
# guests whose device 0 the driver domain 1 serves.

mac() { echo "00:16:3e:00:00:0$1"; }
# send DOMID ARGS...: to its end; its line is in $line
send() {
	local dom=$1
	shift
	line=$(timeout 60 "$BUILD/bin/xsandbox" exec "$dom" -- "$BUILD/bin/acctring-netfront" "$@" 2>"$tmp/send.log")
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$tmp/send.log"
}
field() { sed -n "s/.*[ ]$1=\([0-9.]*\).*/\1/p" <<<"$line"; }
# receive DOMID ARGS...: in the background; listening when it returns
receive() {
	local dom=$1
	shift
	background "$dom" "r$dom" "$BUILD/bin/acctring-netfront" --receive "$@"
	rpid[dom]=$pid rexec[dom]=$last
	ts_wait "/local/domain/1/backend/avif/$dom/0" 4
	ts_wait "/local/domain/$dom/device/vif/0" 4
}
# stop DOMID...: each receiver's line is in ${got[DOMID]}
stop() {
	local dom

	sleep 0.3
	for dom in "$@"; do
		kill -TERM "${rpid[dom]}"
		wait "${rexec[dom]}"
		rstatus[dom]=$?
		got[dom]=$(tail -n 1 "$tmp/r$dom.out")
	done
}
of() { line=${got[$1]} field "$2"; }
# sum FILE COLUMN [CONDITION]
sum() { awk -F'\t' -v k="$2" "$3"' { s += $k } END { printf "%.0f", s }' "$1"; }
# books TOTALS DRAINED: what the backend says that it posted is what was drained
books() {
	local column

	for column in "posts 5 6" "units 6 7" "bytes 7 8" "ns 8 9"; do
		# shellcheck disable=SC2086
		set -- "$1" "$2" $column
		is "$(sum "$2" "$5" 1)" "$(sum "$1" "$4" 1)" "$3: drained = the backend's own books"
	done
}
declare -a rpid rexec rstatus got
