#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who pays for what a VM receives: 2 floods 3 through acctring-netback's switch.
# (An address that is not learnt yet is a broadcast: some hundred ns.)  Each policy in turn, then one of 3 alone; what was posted stays where it is.
# timeout: 120
# alone
# not sanitised
. "$(dirname "$0")/lib/driver.sh"
. tests/lib/toolstack.sh

mac() { echo "00:16:3e:00:00:0$1"; }
driver_domain
"$xsb" create 2 --name one --uuid $VM2_UUID && "$xsb" create 3 --name two --uuid $VM3_UUID
xenstore-write /local/domain/1/acctring/backend/1/2 "v=1 uuid=$VM2_UUID serial=1 state=on name=one"
xenstore-write /local/domain/1/acctring/backend/1/3 "v=1 uuid=$VM3_UUID serial=1 state=on name=two"
start_acctringd
tap $? "acctringd runs"
background 1 back "$bin/acctring-netback" --totals "$tmp/totals"
back=$pid back_exec=$last
ts_vif 2 1 0 "$(mac 2)" && ts_vif 3 1 0 "$(mac 3)"
background 3 receiver "$bin/acctring-netfront" --receive --no-hello
receiver=$pid
ts_wait /local/domain/3/device/vif/0 4
tap $? "two guests at a switch"
[ "${tap_failed:-0}" = 0 ] || tap_end

# of DOMID COLUMN: of the ledger (5 charged, 12 as the sender)
of() { in_dom 1 -- "$bin/acctctl" dump ledger --socket "$tmp/sock" | awk -F '\t' -v d="$1" -v c="$2" '$2 == d { print $c }'; }
host() { field own_ns; }
# flood CONF [TO [FRAMES]]: what it added: ${sender} ${receiver_ns} ${as_sender} ${total}
flood() {
	local a b c t

	if [ -n "$1" ]; then
		true > "$tmp/log"
		echo "restart_ms = 50; $1" > "$tmp/conf"
		kill -HUP "$holder"
		soon 5 grep -q 'configuration read again' "$tmp/log"
	fi
	sleep 0.5
	a=$(of 2 5) b=$(of 3 5) c=$(of 2 12) t=$(field charged_ns)
	timeout 60 "$xsb" exec 2 -- "$bin/acctring-netfront" --no-hello --send "${2:-$(mac 3)}" \
		--count "${3:-30000}" > "$tmp/send.out" 2> "$tmp/send.log" || cat "$tmp/send.log"
	sleep 1	# the lanes' clocks are told, measured and charged
	sender=$(($(of 2 5) - ${a:-0})) receiver_ns=$(($(of 3 5) - ${b:-0}))
	as_sender=$(($(of 2 12) - ${c:-0})) total=$(($(field charged_ns) - t))
	echo "# ${1:-as it comes}: sender $sender ns ($as_sender as the sender), receiver $receiver_ns ns"
}
# percent PART WHOLE
percent() { echo $((100 * $1 / ($2 ? $2 : 1))); }

flood ''
[ "$sender" -gt 10000000 ] && [ "$(percent "$receiver_ns" "$total")" -le 3 ]
tap $? "a flood is on its sender's bill, not on its receiver's: $(percent "$receiver_ns" "$total") % of it"
[ "$(percent "$as_sender" "$sender")" -ge 15 ] && [ "$as_sender" -lt "$sender" ]
tap $? "the part that is for what another received is told: $(percent "$as_sender" "$sender") %"

flood 'pays = { receive = "receiver"; };'
[ "$(percent "$as_sender" "$sender")" -le 2 ] && [ "$(percent "$receiver_ns" "$total")" -ge 15 ]
tap $? "receive = receiver: his is $(percent "$receiver_ns" "$total") %"
flood 'pays = { receive = "half"; };'
p=$(percent "$as_sender" $((as_sender + receiver_ns)))
[ "$p" -ge 45 ] && [ "$p" -le 51 ]
tap $? "receive = half: the sender's part is $p %"
flood 'vms = ( { vm = "two"; receive = "receiver"; } );'
[ "$(percent "$as_sender" "$sender")" -le 2 ] && [ "$(percent "$receiver_ns" "$total")" -ge 15 ]
tap $? "the rule of one VM, by its name, stands above the host's"
xenstore-write /local/domain/1/acctring/backend/1/3 "v=1 uuid=$VM3_UUID serial=1 state=on name=other"
flood ''
[ "$as_sender" -gt 0 ] && [ "$(percent "$receiver_ns" "$total")" -le 3 ]
tap $? "renamed: the rule is his no more"
flood "vms = ( { vm = \"$VM3_UUID\"; receive = \"receiver\"; } );" ff:ff:ff:ff:ff:ff
[ "$as_sender" -gt 0 ] && [ "$(percent "$receiver_ns" "$total")" -le 3 ]
tap $? "by its UUID; a broadcast is another rule: its sender's"
own=$(host)
flood 'pays = { broadcast = "host"; };' ff:ff:ff:ff:ff:ff
own=$(($(host) - own))
[ "$(percent "$as_sender" "$sender")" -le 2 ] && [ "$own" -gt $((sender / 10)) ] && [ "$(percent "$receiver_ns" "$total")" -le 3 ]
tap $? "broadcast = host: it is the driver domain's own work, $own ns"

# -- drops: a receiver that takes nothing more
kill -KILL "$receiver"
background 3 receiver "$bin/acctring-netfront" --receive --no-hello --buffers 4 --stall 1
ts_wait /local/domain/3/device/vif/0 4
flood 'pays = { receive = "receiver"; };'
[ "$as_sender" -gt 0 ] && [ "$(percent "$receiver_ns" "$total")" -le 3 ]
tap $? "what is dropped for a full ring is never the receiver's"

# -- a restart keeps what is known
was=$(of 2 12)
kill -KILL "$(worker_pid)"
soon 10 test -n "$(worker_pid)"
same() { [ "$(of 2 12)" = "$was" ]; }
soon 10 same
tap $? "a worker that is killed: what was paid as the sender is kept"

# -- the books
kill -TERM "$back"
wait "$back_exec"
sleep 0.5
in_dom 1 -- "$bin/acctctl" dump accounts --socket "$tmp/sock" > "$tmp/accounts"
posted() { awk -F '\t' -v d="$1" -v k="$2" '$2 == d && $4 == k { s += $8 } END { printf "%.0f", s }' "$tmp/totals"; }
booked() { awk -F '\t' -v d="$1" -v k="$2" '$2 == d && $7 == k { s += $11 } END { printf "%.0f", s }' "$tmp/accounts"; }
exact=0
for k in tx rx broadcast drop event; do
	for d in 2 3; do
		[ "$(posted $d $k)" = "$(booked $d $k)" ] || { exact=1; echo "# $d $k: $(posted $d $k) posted, $(booked $d $k) booked"; }
	done
done
tap $exact "posted stays the payer's, to the nanosecond: 3 received $(booked 3 rx) ns"
read -r measured charged own left < <(fields measured_ns charged_ns own_ns unattributed_ns; echo)
[ $((charged + own + left)) = "$measured" ] && [ "$left" -ge 0 ]
tap $? "charged + own + unattributed = measured: $charged + $own + $left"
stop_acctringd
tap $? "acctringd stops cleanly"
tap_end
