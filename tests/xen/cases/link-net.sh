# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Two guests' own xen-netfront on the switch of a driver domain, and a disk
# besides: what is sent arrives whole, each guest is billed for its device, and
# posts of both backends are in the ledger.
# limit: 200
# bed: xenstored
guests drv:driver a b
accounting drv drv
start_at drv blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
start_at drv netback 'acctring-netback -v --totals /tmp/vif.tsv'
disk a drv 16M
for g in a b; do
	ts_vif "$(domid $g)" "$(domid drv)" 0 "00:16:3e:00:00:0$g" || fail "no vif for $g"
done
for g in a b; do
	back=/local/domain/$(domid drv)/backend/avif/$(domid $g)/0
	ts_wait "$back" 4 40 || fail "$g's vif: backend $(ts_state "$back"), frontend $(
		ts_state "/local/domain/$(domid $g)/device/vif/0"): $(log_of drv netback)"
done
in_guest a 10 'ifconfig eth0 10.7.0.1 up'
in_guest b 10 'ifconfig eth0 10.7.0.2 up; netload sink 5000 3 >/tmp/sink 2>&1 & echo $! >/tmp/sink.pid'
in_guest a 30 'ping -c 5 10.7.0.2' || fail "no ping: $(log_of drv netback)"
in_guest a 90 'netload tcp 10.7.0.2 5000 8; netload udp 10.7.0.2 5000 500 1400 500; blkload write /dev/xvda 4 1 &&
	blkload check /dev/xvda 4 1' | tee "$run/load"
in_guest b 60 'while [ -e /proc/$(cat /tmp/sink.pid) ]; do sleep 0.2; done; cat /tmp/sink' | tee "$run/sink"
grep -q 'tcp bytes=8388608 bad=0' "$run/sink" || fail "TCP: $(cat "$run/load" "$run/sink")"
got=$(sed -n 's/^udp datagrams=\([0-9]*\) .* bad=0 .*/\1/p' "$run/sink")
[ "${got:-0}" -ge 450 ] || fail "UDP: $(cat "$run/load" "$run/sink")"
grep -q 'blk check bytes=4194304 bad=0' "$run/load" || fail "$(cat "$run/load")"
diag "8 MiB by TCP whole, $got of 500 datagrams"
has_vif() { bill_of "$1" 2>/dev/null | grep -q 'vif_ns=[1-9]'; }
for g in a b; do
	until_ok 20 has_vif $g || fail "no vif on the bill of $g: $(bill_of $g)"
	diag "bill of $g: $(bill_of $g)"
done
bill_of a | grep -q 'vbd_ns=[1-9]' && bill_of b | grep -q 'vbd_ns=0' || fail "who pays for the disk"
for p in netback blkback; do stop_at drv $p || fail "$p does not end: $(log_of drv $p)"; done
at drv 20 'acctctl dump accounts >/tmp/dump.tsv; cat /tmp/dump.tsv' >"$run/dump"
# uuid domid name backend kind device class posts units bytes
bytes() { awk -F '\t' -v d="$(domid "$1")" -v c="$2" '$2 == d && $5 == "vif" && $7 == c { s += $10 } END { print s + 0 }' "$run/dump"; }
[ "$(bytes a tx)" -gt 8388608 ] && [ "$(bytes b rx)" -gt 8388608 ] && [ "$(bytes b tx)" -lt 8388608 ] ||
	fail "bytes by payer: $(cat "$run/dump")"
at drv 10 'awk -f /bed/conserved.awk /tmp/dump.tsv /tmp/vbd.tsv /tmp/vif.tsv /tmp/blkback.out /tmp/netback.out' \
	>"$run/conserved" || fail "not conserved: $(cat "$run/conserved")"
diag "a sent $(bytes a tx) bytes, b was given $(bytes b rx): $(tail -n 1 "$run/conserved")"
clean_log
