#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the dom0 image: Debian 12 with Xen, without the product.  It is made
# once, under $1/base-<hash of what goes in>, and never written to again: QEMU
# boots it with a snapshot.  Prints that directory.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
say() { printf '  %-7s %s\n' "$@" >&2; }

# One at a time: another bed may be at it.
mkdir -p "$out"
exec 9>"$out/base.lock"
flock 9
hash=$(cat "$here/base.sh" "$here/packages.txt" "$here"/dom0/* | sha256sum | cut -c1-12)
base=$out/base-$hash
if [ -e "$base/done" ]; then
	echo "$base"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "The dom0 image is made by debootstrap, which needs root." >&2
	exit 4
fi

# What was killed half-way has its /proc mounted: no rm goes in there.
for old in "$out"/base-*/; do
	[ -e "$old" ] || continue
	for mounted in "$old"root/proc "$old"root/sys; do
		! mountpoint -q "$mounted" || umount "$mounted"
	done
	rm -rf --one-file-system "$old"
done
mkdir -p "$base" "$out/debs"
root=$base/root
packages=$(sed '/^#/d' "$here/packages.txt" | paste -sd, -)
started=$SECONDS

say XEN "debootstrap (about three minutes, once)"
if ! debootstrap --variant=minbase --cache-dir="$(realpath "$out/debs")" \
	--include="$packages" bookworm "$root" >"$base/debootstrap.log" 2>&1; then
	tail -n 5 "$base/debootstrap.log" >&2
	exit 1
fi

# The bed starts by itself and alone: no getty on the shared console, no
# saving of guests at power-off (it costs half a minute), no timers.
for unit in serial-getty@hvc0 getty@tty1 console-getty xendomains \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	e2scrub_all.timer fstrim.timer systemd-timesyncd systemd-pcrphase; do
	case $unit in *.timer) ;; *) unit=$unit.service ;; esac
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
install -m 644 "$here/dom0/xen-bed.service" "$here/dom0/xen-bed-early.service" \
	"$root/etc/systemd/system/"
install -m 755 "$here/dom0/xen-bed-early" "$root/usr/sbin/"
install -m 644 "$here/dom0/modules" "$root/etc/modules-load.d/xen-bed.conf"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/bed"
for unit in xen-bed xen-bed-early; do
	ln -sf ../$unit.service "$root/etc/systemd/system/multi-user.target.wants/"
done
printf 'LABEL=dom0 / ext4 defaults 0 0\n' >"$root/etc/fstab"
echo dom0 >"$root/etc/hostname"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
	"$root"/usr/share/doc/* "$root"/usr/share/locale/* "$root"/usr/share/man/*

# What QEMU is handed: the hypervisor as a plain ELF, and dom0's kernel.
gunzip -c "$root"/boot/xen-4.17-amd64.gz >"$base/xen"
cp "$root"/boot/vmlinuz-* "$base/vmlinuz"
basename "$root"/boot/vmlinuz-* | sed 's/vmlinuz-//' >"$base/kernel-version"
chroot "$root" dpkg-query -W >"$base/versions"
echo $((SECONDS - started)) >"$base/seconds"
say XEN "dom0 image"
truncate -s 2560M "$base/dom0.img"
mkfs.ext4 -q -L dom0 -O ^has_journal -E lazy_itable_init=1 -d "$root" "$base/dom0.img"
touch "$base/done"
echo "$base"
