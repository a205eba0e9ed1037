#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Processes and workers that serve one VM, from the store and files to the
# ledger; then a process that really runs, by its real clock.
# timeout: 90
. "$(dirname "$0")/lib/driver.sh"
burner=
trap '[ -z "$burner" ] || kill -KILL "$burner"; rm -rf "$tmp"' EXIT
. "$(dirname "$0")/lib/madetree.sh"

driver_domain
own=/local/domain/1
start_acctringd
ok $? "acctringd runs"

# -- made: VM 2 has two qdisks, and a disk on dm-crypt below its volume alone; VM 3 a
# tapdisk; 9 is the stub domain of 3
vbd 2 100 800
xenstore-write $own/backend/vbd/2/51712/physical-device fd:1
block dm-0 253:0 dm-1
block dm-1 253:1
block dm-2 253:2
thread 10 2.xvda-0 1 1000
thread 11 dmcrypt_write/253:0 1 5000
thread 12 kworker/u4:1-kcryptd/253:0 1 7000
thread 13 kworker/u4:2+loop0 1 300
xenstore-write $own/backend/qdisk/2/51728/dev xvdb $own/backend/qdisk/2/51744/dev xvdc $own/libxl/2/qdisk-backend-pid 20
process 20 qemu-system-i38 1 500 qemu-system-i386 -xen-domid 2 -xen-attach -name domain-2
xenstore-write $own/backend/vbd3/3/51712/kthread-pid 21
process 21 tapdisk 1 70 tapdisk
vbd 9 100 800
thread 14 9.xvda-0 1 1000
# in a driver domain that is not dom0 this is not readable
xenstore-write /local/domain/9/target 3 && xenstore-chmod /local/domain/9/target n0 r1
process 22 xenconsoled 1 6 xenconsoled
process 23 qemu-system-i38 1 900 qemu-system-i386 -xen-domid 3 # nobody has named it
"$bin/xsandbox" exec 1 -- "$bin/acctring-kernback" "${made[@]}" --list >"$tmp/list"
is $? 0 "--list"
is "$(grep '^process' "$tmp/list" | sort)" "$(printf 'process\t20\tqemu-system-i38\t5000000000\tvbd\t2\t0
process\t21\ttapdisk\t700000000\tvbd\t3\t51712')" "processes, whom the store names"
is "$(grep 'dmcrypt' "$tmp/list")" "$(printf 'thread\t11\tdmcrypt_write/253:0\t5000\tvbd\t2\t51712')" "a worker, and whose disk is on it"
is "$(grep '^pool' "$tmp/list" | sort)" "$(printf 'pool\tworkers-crypt\t7000\tns\npool\tworkers-loop\t300\tns\npool\txenconsoled\t60000000\tns')" \
	"pools: shared workers, processes of all"

kernback "${made[@]}" --period 100 --totals "$tmp/totals"
ok $? "it runs"
sleep 0.3
process 20 qemu-system-i38 1 502 qemu-system-i386 -xen-domid 2 -xen-attach -name domain-2
process 21 tapdisk 1 71 tapdisk
process 23 qemu-system-i38 1 950 qemu-system-i386 -xen-domid 3
thread 11 dmcrypt_write/253:0 1 2005000
thread 12 kworker/u4:1-kcryptd/253:0 1 9000000
thread 14 9.xvda-0 1 3001000
soon 10 holds 2 vbd other "0 0 22000000"
ok $? "a qdisk's process and a worker: what came since ($(held 2 vbd other))"
soon 10 holds 3 vbd other "0 0 13000000"
ok $? "a tapdisk, and what serves its VM's stub domain ($(held 3 vbd other))"
is "$(held 9 vbd other)" "0 0 0" "nothing is the stub domain's"
is "$(held 3 other other)" "0 0 0" "a process that nobody named bills nobody"
# another VM gets a volume on it
xenstore-write $own/backend/vbd/3/51712/physical-device fd:2
block dm-0 253:0 dm-2
vbd 3 1 8
soon 10 grep -q 'vbd 3/51712: found' "$tmp/kernlog"
sleep 1.5 # the threads are looked for in the same turn
thread 11 dmcrypt_write/253:0 1 9005000
process 20 qemu-system-i38 1 503 qemu-system-i386 -xen-domid 2 -xen-attach -name domain-2
soon 10 holds 2 vbd other "0 0 32000000"
ok $? "a worker of two VMs bills neither ($(held 2 vbd other))"
is "$(held 3 vbd other)" "0 0 13000000" "nor the other"
kill -TERM "$(cat "$tmp/pid")"
wait $daemon
is $? 0 "SIGTERM ends it"

# -- the same worker, and the pool that it belongs to, divided among both
mkdir -p "$tmp/sys/class/block/dm-0/dm" && echo CRYPT-LUKS2-abc >"$tmp/sys/class/block/dm-0/dm/uuid"
is "$("$bin/acctring-kernback" --pools all 2>&1)/$?" "acctring-kernback: --pools all: allowed are none, shared/2" "--pools all"
kernback "${made[@]}" --period 100 --pools shared --totals "$tmp/totals1"
ok $? "it runs again, with --pools shared"
sleep 0.3
ns() { held "$1" vbd other | cut -d ' ' -f 3; }
two=$(ns 2) three=$(ns 3)
i=0
while [ $i -lt 10 ]; do
	i=$((i + 1))
	vbd 2 $((100 + 30 * i)) $((800 + 240 * i))
	vbd 3 $((1 + 10 * i)) $((8 + 80 * i))
	thread 11 dmcrypt_write/253:0 1 $((9005000 + 1000000 * i))
	thread 12 kworker/u4:1-kcryptd/253:0 1 $((9000000 + 4000000 * i))
	sleep 0.2
done
divided() { [ $(($(ns 2) - two + $(ns 3) - three)) = 50000000 ]; }
soon 10 divided
ok $? "all of it is posted, to one or the other ($(($(ns 2) - two)), $(($(ns 3) - three)) ns)"
at_least "$(($(ns 2) - two))" 30000000 "three of four requests were the first's"
at_least "$(($(ns 3) - three))" 7500000 "one was the second's"
# what is charged of it, of the little that was burned in truth
of_pools() {
	"$bin/acctctl" dump ledger --socket "$tmp/sock" | awk -F '\t' '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$2 == 2 || $2 == 3 { n += $at["pool_ns"] + $at["model_ns"]
			if ($at["high_ns"] < $at["charged_ns"] || $at["low_ns"] != $at["direct_ns"]) bad = 1 }
		END { print bad ? 0 : n + 0 }'
}
at_least "$(of_pools)" 1000000 "on the basis of a pool, all else is direct"
kill -TERM "$(cat "$tmp/pid")"
wait $daemon
is $? 0 "SIGTERM ends it"

# -- real: a process that calls itself a tapdisk, with a thread that ends
xenstore-rm $own/backend/vbd3/3
rm -r "$devices" && mkdir "$devices"
kernback --sys "$tmp/sys" --period 100 --totals "$tmp/totals2"
ok $? "it runs again, with the real /proc"
(exec -a tapdisk perl -Mthreads -e '
	threads->create(sub { my $i = 0; $i++ while $i < 3e6 })->join;
	my $i = 0; $i++ while $i < 6e6; open my $f, ">", $ARGV[0]; close $f; sleep 1000' "$tmp/burned") &
burner=$!
xenstore-write $own/backend/vbd3/2/51760/kthread-pid $burner
vbd 2 1 8 # a new device: all is looked for
soon 30 test -e "$tmp/burned"
ticks() { awk '{ print $14 + $15 }' "/proc/$burner/stat"; }
at_least "$(ticks)" 10 "it burned ticks of 10 ms"
# device 51760 only: the other is of the first part
real() {
	"$bin/acctctl" dump accounts --socket "$tmp/sock" 2>/dev/null | awk -F '\t' '
		$2 == 2 && $6 == 51760 { ns += $11 } END { printf "%.0f", ns }'
}
is_real() { [ "$(real)" = $(($(ticks) * 10000000)) ]; }
soon 40 is_real
ok $? "all of it, and no more, is its VM's ($(real) ns)"
kill -KILL $burner
wait $burner 2>/dev/null
burner=
soon 10 grep -q 'vbd 2/51760: ended' "$tmp/kernlog"
ok $? "its end is seen"
kill -TERM "$(cat "$tmp/pid")"
wait $daemon
is $? 0 "SIGTERM ends it"

like "$(tail -n 1 "$tmp/out")" "spilled=0 overflowed=0 pending=0" "nothing had to be spilled"
"$bin/acctctl" dump accounts --socket "$tmp/sock" >"$tmp/dump.tsv"
awk -f tests/conserved.awk "$tmp/dump.tsv" "$tmp/totals" "$tmp/totals1" "$tmp/totals2" "$tmp/out" >"$tmp/conserved"
ok $? "posted = ledger: $(tail -n 1 "$tmp/conserved")"
sed 's/^/# /' "$tmp/conserved"
stop_acctringd
ok $? "acctringd ends"
echo "1..$n"
