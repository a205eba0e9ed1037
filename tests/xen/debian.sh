#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the disk of a guest that is plain Debian 12: its own kernel, the initrd
# that its own tools made, systemd, and nothing of acctring.  Made once, under
# $1/debian-<hash of what goes in>; QEMU opens it with a snapshot.  Prints that
# directory.  The one thing that no Debian has is the test bed's agent, by which
# a case in dom0 says what is to be run (prog/agent.c).
# usage: debian.sh BASE_DIRECTORY AGENT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1 agent=$2
say() { printf '  %-7s %s\n' "$@" >&2; }
packages="systemd-sysv udev dbus kmod iproute2 linux-image-amd64 initramfs-tools zstd xenstore-utils fio iperf3 ethtool"

mkdir -p "$out/debs"
exec 9>"$out/debian.lock"
flock 9
hash=$(cat "$here/debian.sh" "$here/prog/agent.c" | sha256sum | cut -c1-12)
made=$out/debian-$hash
if [ -e "$made/done" ]; then
	echo "$made"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "The disk of a Debian guest is made by debootstrap, which needs root." >&2
	exit 4
fi
# What was killed half-way has its /proc mounted: no rm goes in there.
for mounted in "$out"/debian-*/root/{proc,sys}; do
	! mountpoint -q "$mounted" || umount "$mounted"
done
rm -rf --one-file-system "$out"/debian-*/
mkdir -p "$made"
root=$made/root
started=$SECONDS
say XEN "a Debian guest: debootstrap (about a minute, once)"
# shellcheck disable=SC2086
if ! debootstrap --variant=minbase --cache-dir="$(realpath "$out/debs")" \
	--include="$(echo $packages | tr ' ' ,)" bookworm "$root" >"$made/debootstrap.log" 2>&1; then
	tail -n 5 "$made/debootstrap.log" >&2
	exit 1
fi
# As an installer leaves it: where the root is, a name, root can log in.
printf '/dev/xvda / ext4 errors=remount-ro 0 1\n' >"$root/etc/fstab"
echo debian >"$root/etc/hostname"
chroot "$root" passwd -q -d root
# No timer begins while a case measures.
for unit in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit.timer"
done
install -D -m 755 "$agent" "$root/opt/bed/agent"
cat >"$root/etc/systemd/system/bed-agent.service" <<'UNIT'
[Unit]
Description=test bed: runs what dom0 asks for
After=multi-user.target

[Service]
ExecStart=/opt/bed/agent
StandardOutput=null
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl -q enable bed-agent
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
	"$root"/usr/share/doc/* "$root"/usr/share/locale/* "$root"/usr/share/man/*
"$here/vmlinux.sh" "$root"/boot/vmlinuz-* "$made/vmlinux"
cp "$root"/boot/initrd.img-* "$made/initrd.img"
say XEN "a Debian guest: its disk"
truncate -s 1280M "$made/root.img"
mkfs.ext4 -q -L debian -d "$root" "$made/root.img"
rm -rf "$root"
echo $((SECONDS - started)) >"$made/seconds"
touch "$made/done"
echo "$made"
