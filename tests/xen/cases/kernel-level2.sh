# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Level 2 of acctring-kernback: what dom0 burns, to whom, by programs in its kernel.
# Reference loads: a raw block device; a file by loop with the page cache, its
# writeback included; dm-crypt; dm-crypt on a file; frames to dom0 and to another guest.
# Measured by the hypervisor = charged + own work + unattributed, the last at most 2 %.
# And what a request costs when one guest has the disk's CPU alone, and when two do.
# Whose frames a guest has received: its sender's part in the ledger.
# Then the same load at level 1.  (docs/kernel-backends.md)
# limit: 420
# bed: xenstored
. /bed/toolstack.sh
export ACCTRING_SOCKET=/tmp/acctringd.sock
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
for d in crypt1 crypt2 raw1; do dmsetup remove $d 2>/dev/null || :; done # of a run that failed
ip link del br0 2>/dev/null || :
modprobe -a loop dm-crypt null_blk || fail "modules"
[ -b /dev/nullb0 ] || fail "no null_blk"
losetup -D
for f in one two below; do
	truncate -s 64M /tmp/$f.img
	losetup -f /tmp/$f.img || fail "losetup"
done
file() { losetup -n -O NAME -j "/tmp/$1.img"; }
dmsetup create crypt1 --table "0 131072 crypt aes-xts-plain64 $key$key 0 /dev/nullb0 0" || fail "dmsetup"
dmsetup create crypt2 --table "0 131072 crypt aes-xts-plain64 $key$key 0 $(file below) 0" || fail "dmsetup"
dmsetup create raw1 --table "0 131072 linear /dev/nullb0 262144" || fail "dmsetup"
echo 100 >/proc/sys/vm/dirty_expire_centisecs
echo 50 >/proc/sys/vm/dirty_writeback_centisecs
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.9.0.1/24 dev br0
guest_create one
guest_create two
guest_up one
guest_up two
# one after another: hotplug scripts wait for each other, and libxl 10 s for each
phy() { # GUEST DISK TARGET
	xl block-attach "$1" "format=raw,vdev=$2,access=rw,backendtype=phy,target=$3" || fail "$1's $2"
	in_guest "$1" 30 "until [ -b /dev/$2 ]; do sleep 0.1; done"
}
xl network-attach one mac=00:16:3e:00:00:01 bridge=br0 || fail "one's vif"
xl network-attach two mac=00:16:3e:00:00:02 bridge=br0 || fail "two's vif"
phy one xvda /dev/mapper/raw1
phy one xvdb "$(file one)"
phy one xvdc /dev/mapper/crypt1
phy one xvdd /dev/mapper/crypt2
phy two xvdb "$(file two)"
in_guest one 10 'ifconfig eth0 10.9.0.2 up'
in_guest two 10 'ifconfig eth0 10.9.0.3 up'
accounting dom0 dom0
until_ok 20 acctctl dump ledger >/dev/null || fail "no accountant"
kernback() { # LEVEL
	start_at dom0 kernback "acctring-kernback -v --level $1 --totals /tmp/kern.tsv"
	until_ok 60 grep -q 'billing the kernel' /tmp/kernback.log || fail "$(log_of dom0 kernback)"
}
began=$SECONDS
kernback 2
diag "level 2 after $((SECONDS - began)) s; $(grep -c 'level 2 without' /tmp/kernback.log) parts are missing"
grep 'level [12]' /tmp/kernback.log | while read -r l; do diag "$l"; done
grep -q 'billing.*level 2: ' /tmp/kernback.log || fail "no level 2"
acctctl status | while read -r l; do diag "$l"; done

one=$(domid one) two=$(domid two)
# what was burned up to now is posted and committed
settle() { kill -USR1 "$(cat /tmp/kernback.pid)" && sleep 0.5; }
total() { settle; awk -F '\t' '$1 == "#total" { printf "%.0f", $3 }' /tmp/kern.tsv; }
# threads DOMID: its backends', found once; ns of them costs no process then
threads() { ps -e -o pid=,comm= | awk -v d="$1" '$2 ~ "^(" d "[.]|vif" d "[.])" { print $1 }'; }
of_one=$(threads "$one") of_two=$(threads "$two")
clocks() { # PID...
	local p n ns=0
	for p; do read -r n _ <"/proc/$p/schedstat" && ns=$((ns + n)); done
	echo $ns
}
# measured, charged, own, unattributed; charged to one, to two; ns of their threads; their requests;
# what each of them pays as a sender
look() {
	local -a l
	settle
	acctctl dump domains | awk -F '\t' '!/^#/ && $2 == 0 { printf "%.0f %.0f %.0f %.0f ", $4, $5, $6, $7 }'
	read -ra l < <(acctctl dump ledger | awk -F '\t' '$3 == "one" { a = $5; c = $12 } $3 == "two" { b = $5; d = $12 }
		END { printf "%.0f %.0f %.0f %.0f\n", a, b, c, d }')
	# shellcheck disable=SC2086
	echo "${l[0]} ${l[1]} $(clocks $of_one) $(clocks $of_two) $(units "$one") $(units "$two") ${l[2]} ${l[3]}"
}
units() { cat "/sys/bus/xen-backend/devices/vbd-$1-51728/statistics/wr_req"; }
per_mille() { # as percent
	local n=${1#-}
	echo "${1%"$n"}$((n / 10)).$((n % 10))"
}
# load NAME COMMAND: for some seconds; what dom0 burned meanwhile is in d, ms and requests
load() {
	local -a a b
	local n
	# shellcheck disable=SC2207
	a=($(look))
	eval "$2"
	sleep 3 # the last period and commit, the last pages
	# shellcheck disable=SC2207
	b=($(look))
	d=()
	for n in 0 1 2 3 4 5 6 7; do d+=($(((b[n] - a[n]) / 1000000))); done
	d+=($((b[8] - a[8])) $((b[9] - a[9])) $(((b[3] - a[3]) / (d[0] * 1000))))
	d+=($(((b[10] - a[10]) / 1000000)) $(((b[11] - a[11]) / 1000000)))
	diag "$1: measured ${d[0]} ms = charged ${d[1]} + own ${d[2]} + unattributed ${d[3]} ($(per_mille "${d[10]}") %); one ${d[4]} (its threads' clocks ${d[6]}), two ${d[5]} (${d[7]})"
}
# At level 2.  What is measured is posted half a second later, and acctctl takes as long to
# start here: of a load that lasts some seconds, 2 % and a second; 2 % of all (below).
judged() {
	local n
	load "$@"
	n=$((d[3] < 0 ? -d[3] : d[3]))
	[ $n -le $((d[0] / 50 + 1000)) ] || worse="$worse, $1"
}
in_one() { in_guest one 60 "$(busy "$1")"; }
in_two() { in_guest two 60 "$(busy "$1")"; }
busy() { echo "timeout 6 sh -c 'while :; do $1; done' >/dev/null 2>&1; true"; }
write() { echo "dd if=/dev/zero of=/dev/$1 bs=4k count=500 oflag=direct"; }
frames() { echo "ping -A -c 100 -s 1000 $1"; }
cost() { # WHO MS REQUESTS
	[ "$3" -gt 0 ] || fail "$1: no request"
	diag "$1: $(($2 * 1000 / $3)) us a request of $3"
}
m=$(look) t=$(total)
worse=''
judged "raw device" 'in_one "$(write xvda)"'
judged "file by loop, page cache: one alone" 'in_one "$(write xvdb)"'
cost "  one alone" "${d[4]}" "${d[8]}"
judged "the same: two alone" 'in_two "$(write xvdb)"'
cost "  two alone" "${d[5]}" "${d[9]}"
judged "the same: both" 'in_one "$(write xvdb)" & in_two "$(write xvdb)"; wait $!'
cost "  one beside two" "${d[4]}" "${d[8]}"
cost "  two beside one" "${d[5]}" "${d[9]}"
judged "dm-crypt" 'in_one "$(write xvdc)"'
judged "dm-crypt on a file" 'in_one "$(write xvdd)"'
sent() { diag "  as the sender of what others received one pays ${d[11]} ms of it, two ${d[12]} ms"; }
judged "frames to dom0" 'in_one "$(frames 10.9.0.1)"'
sent
[ $((d[11] + d[12])) -le $((d[4] / 10)) ] || fail "dom0's answers were sent by a guest"
judged "frames from guest to guest" 'in_one "$(frames 10.9.0.3)"'
sent
# one way: then all that two receives is one's doing, and two has sent nothing
in_guest two 10 'echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all'
received() { acctctl dump accounts | awk -F '\t' -v d="$two" '$2 == d && $5 == "vif" && $7 == "rx" { n += $11; u += $9 } END { printf "%.0f %.0f\n", n / 1e6, u }'; }
read -r was frames_were < <(received)
judged "frames without an answer" 'in_one "ping -i 0.01 -c 200 -W 1 -s 1000 10.9.0.3"'
sent
read -r now frames_are < <(received)
diag "  two received $((frames_are - frames_were)) frames, for which $((now - was)) ms were posted"
[ $((frames_are - frames_were)) -ge 100 ] || fail "two received no frames"
[ "${d[11]}" -ge $(((now - was) * 3 / 4)) ] && [ "${d[12]}" -le $((d[11] / 10)) ] || fail "the sender is not the cause: $(log_of dom0 kernback)"
# shellcheck disable=SC2206,SC2207
a=($m) b=($(look))
t=$((($(total) - t) / 1000000))
all=$(((b[0] - a[0]) / 1000000)) unknown=$(((b[3] - a[3]) / 1000000))
diag "from the first load to the last: measured $all ms, unattributed $unknown ms ($(per_mille $((unknown * 1000 / all))) %); by context, measured in the kernel: $t ms"
stop_at dom0 kernback || fail "kernback does not end: $(log_of dom0 kernback)"
diag "$(tail -n 1 /tmp/kernback.out)"
grep '^#[ou]' /tmp/kern.tsv | sort -t "$(printf '\t')" -k 1,1 -k 3,3nr | awk -F '\t' '{ printf "%s %s: %.0f ms\n", $1, $2, $3 / 1e6 }' | while read -r l; do diag "$l"; done
acctctl dump accounts >/tmp/dump.tsv
awk -f /bed/conserved.awk /tmp/dump.tsv /tmp/kern.tsv /tmp/kernback.out >"$run/conserved" ||
	fail "not conserved: $(cat "$run/conserved")"
diag "$(tail -n 1 "$run/conserved")"
is "$worse" "" "more than 2 % unattributed"
[ "${unknown#-}" -le $((all / 50)) ] || fail "more than 2 % unattributed"
kernback 1
grep -q 'level 1: ' /tmp/kernback.log || fail "not level 1: $(log_of dom0 kernback)"
load "at level 1, file by loop: one alone" 'in_one "$(write xvdb)"'
[ "${d[10]}" -gt 100 ] || fail "level 1 sees as much as level 2"
stop_at dom0 kernback || fail "kernback does not end: $(log_of dom0 kernback)"
diag "$(tail -n 1 /tmp/kernback.out)"
destroy one
destroy two
for d in crypt1 crypt2 raw1; do until_ok 20 dmsetup remove $d || fail "$d is still in use"; done
losetup -D
rmmod null_blk
ip link del br0
clean_log
