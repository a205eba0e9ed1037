# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A guest that is plain Debian 12, and knows of nothing: its root disk is on
# acctring-blkback from its first read on, its network on acctring-netback.  fio
# verifies what it wrote to a second disk; iperf3 both ways; a file system outlives
# `xl destroy` in mid-write.  (docs/driver-domain.md)
# needs: debian
# limit: 300
# bed: xenstored
export ACCTRING_SOCKET=/tmp/acctringd.sock
cat >"$run/debian.cfg" <<CFG
name='debian'
type='pv'
kernel='$([ -e /bed/guest/debian ] && echo /bed/guest/debian || echo /bed/guest/vmlinux)'
ramdisk='/bed/guest/debian.img'
memory=512
extra='root=/dev/xvda ro console=hvc0'
CFG
modprobe -a tun bridge
ip link add br0 type bridge
ip addr add 10.9.0.254/24 dev br0
ip link set br0 up
log_consoles
ln -sf guest-debian.log "$results/console-debian.log"
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
start_at dom0 netback 'acctring-netback -v --totals /tmp/vif.tsv'
truncate -s 64M /tmp/second
# the recipe for devices that must be there at boot (docs/driver-domain.md)
xl create -p "$run/debian.cfg" || fail "xl create"
acctctl attach disk debian xvda /dev/disk/by-id/ata-QEMU_HARDDISK_debian || fail "no root disk"
acctctl attach disk debian xvdb /tmp/second || fail "no second disk"
acctctl attach nic debian 0 --mac 00:16:3e:00:09:01 --bridge br0 || fail "no network device"
xl unpause debian
step "unpaused"
d=$(domid debian)
guest_up debian
step "debian is up"
diag "$(in_guest debian 20 'uname -r; findmnt -no SOURCE,FSTYPE,OPTIONS /; systemctl is-system-running; systemd-analyze' | tr '\n' ';')"
diag "$(bill_of debian)"
fio() { # NAME OPTIONS...
	in_guest debian 60 "fio --name=$1 --filename=/dev/xvdb --direct=1 --ioengine=libaio --iodepth=16 ${*:2}" >"$run/fio" ||
		fail "fio $1: $(cat "$run/fio")"
	cat "$run/fio"
	grep -q 'err= 0' "$run/fio" || fail "fio $1: $(cat "$run/fio")"
	diag "fio $1: $(sed -n 's/^ *\(READ\|WRITE\):.*io=\([^ ]*\) .*/\1 \2/p' "$run/fio" | tr '\n' ' ')"
	step "fio $1"
}
fio verify --rw=randwrite --bsrange=4k-128k --size=8m --verify=crc32c --do_verify=1 --verify_backlog=64 --verify_fatal=1
fio mixed --rw=randrw --bs=4k --offset=16m --size=2m --verify=crc32c --do_verify=1 --verify_fatal=1

# iperf3, from the guest and to it
in_guest debian 20 'n=$(ls /sys/class/net | grep -v lo) && ip addr add 10.9.0.1/24 dev $n && ip link set $n up && echo $n' >"$run/nic" ||
	fail "no network: $(cat "$run/nic"; log_of dom0 netback)"
until_ok 20 ping -c 1 -W 1 10.9.0.1 >/dev/null || fail "no answer: $(log_of dom0 netback)"
bg iperf3 -s >/tmp/iperf3.log 2>&1
for way in "" --reverse; do
	in_guest debian 40 "iperf3 -f m -t 3 -c 10.9.0.254 $way" >"$run/iperf" || fail "iperf3 $way: $(cat "$run/iperf" /tmp/iperf3.log)"
	diag "iperf3 ${way:-from the guest} by $(cat "$run/nic"): $(sed -n 's/.* sec *\(.*\) receiver/\1/p' "$run/iperf" | tr -s ' ')"
done
step "iperf3"

# A file system on it: what was synced before the guest is destroyed in mid-write is there after it.
in_guest debian 60 'mkfs.ext4 -q /dev/xvdb && mount /dev/xvdb /mnt && cd /mnt &&
	for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=file$i bs=64k count=$((i * 2)) status=none; done &&
	mkdir d && cp file8 d/copy && sync -f . && sha256sum file? d/copy' >"$run/sums" || fail "ext4: $(cat "$run/sums")"
is "$(wc -l <"$run/sums")" 9 "files"
in_guest debian 10 '(cd /mnt; i=0; while :; do i=$((i + 1)); mkdir -p w/$i; cp d/copy w/$i/x; mv w/$i/x w/x$((i % 10))
	[ $((i % 5)) != 0 ] || sync -f w; done) >/dev/null 2>&1 &'
written() { acctctl dump accounts | awk -F '\t' -v d="$d" '$2 == d && $6 == 51728 && $7 == "write" { n += $10 } END { printf "%.0f", n }'; }
was=$(written)
more() { [ $(($(written) - was)) -gt 2000000 ]; }
until_ok 60 more || fail "nothing is written"
diag "destroyed after $(($(written) - was)) bytes more were written"
destroy debian
until_ok 20 no_node "/local/domain/0/backend/abd/$d/51728" || fail "the backend keeps the disk: $(log_of dom0 blkback)"
step "destroyed"
# e2fsck -p replays the journal: 0, or 1 where it had to mend what the journal alone does not (never more, else 4)
rc=0
e2fsck -p /tmp/second >"$run/replay" 2>&1 || rc=$?
most "e2fsck -p: $(cat "$run/replay")" 1 $rc
grep -q 'recovering journal' "$run/replay" || fail "was it mounted? $(cat "$run/replay")"
fsck.ext4 -f -n /tmp/second >"$run/fsck" 2>&1 || fail "fsck: $(cat "$run/fsck")"
diag "e2fsck -p: exit $rc, $(head -n 1 "$run/replay"); fsck -f -n: exit 0, $(tail -n 1 "$run/fsck")"
mount -o loop,ro /tmp/second /mnt
(cd /mnt && sha256sum -c --quiet "$run/sums") || { umount /mnt; fail "what was synced is not there"; }
umount /mnt
for b in blkback netback; do stop_at dom0 $b || fail "$b does not end: $(log_of dom0 $b)"; done
acctctl dump accounts >/tmp/dump.tsv
awk -f /bed/conserved.awk /tmp/dump.tsv /tmp/vbd.tsv /tmp/vif.tsv /tmp/blkback.out /tmp/netback.out >"$run/conserved" ||
	fail "not conserved: $(cat "$run/conserved")"
diag "$(tail -n 1 "$run/conserved")"
ip link del br0
clean_log
