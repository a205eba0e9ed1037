#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes what dom0 is given besides its root: initramfs images, the product and
# the bed; as two disks to boot with, or as a tar for a bed that is up.
# usage: images.sh BASE OUT disks|tar [DEBIAN]
# The rest comes by environment (see run.sh).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
base=$1 out=$2 form=$3 debian=${4:-} product_dir=$BUILD/xen/product
root=$base/root version=$(cat "$base/kernel-version")

# What all beds share is made by the first of them.
exec 7>"$base/lock"
flock 7
[ -e "$base/vmlinux" ] || "$here/vmlinux.sh" "$base/vmlinuz" "$base/vmlinux"
initrd() { "$here/initrd.sh" "$root" "$version" "$@"; }

[ -e "$base/dom0.cpio.gz" ] && [ "$base/dom0.cpio.gz" -nt "$here/initrd.sh" ] &&
	[ "$base/dom0.cpio.gz" -nt "$here/dom0-init" ] ||
	initrd "$base/dom0.cpio.gz" "$here/dom0-init" -m ahci sd_mod ext4 crc32c_generic
exec 7>&-

guest_modules="xen-blkfront xen-netfront xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs"
tools=()
for t in xenstore-read xenstore-write xenstore-list xenstore-ls xenstore-rm xenstore-watch \
	xenstore-chmod; do
	tools+=("$root/usr/bin/$t")
done

bed=$(mktemp -d)
trap 'rm -rf "$bed"' EXIT
mkdir -p "$bed"/{bin,guest,cases}
cp "$BUILD"/xen/bin/* "$bed/bin/"
kills=()
for p in kill_run kill_backend kill_check; do
	[ ! -x "$BUILD/tests/prog/$p" ] || kills+=("$BUILD/tests/prog/$p")
done
[ ${#kills[@]} = 0 ] || cp "${kills[@]}" "$bed/bin/"
[ ! -d "$BUILD/xen/minor" ] || install -D -t "$bed/minor" "$BUILD"/xen/minor/{bin/acctringd,tests/prog/kill_backend}
cp "$here/run" "$here/one" "$here"/lib*.sh "$here/../lib/toolstack.sh" "$here/../conserved.awk" "$bed/"
cp "$here"/bench/*.awk "$bed/"
find "$here/cases" "$here/facts" "$here/bench" "$here/eval" -name "*.sh" -exec cp -t "$bed/cases" {} +
cp "$base/vmlinux" "$base/versions" "$bed/guest/"
if [ -n "$debian" ]; then
	cp "$debian/initrd.img" "$bed/guest/debian.img"
	cmp -s "$debian/vmlinux" "$base/vmlinux" || cp "$debian/vmlinux" "$bed/guest/debian"
fi
# shellcheck disable=SC2086
initrd "$bed/guest/guest.cpio.gz" "$here/guest-init" -m $guest_modules \
	-p "${tools[@]}" "$BUILD"/xen/bin/*
product=()
if [ -d "$product_dir/usr/local/sbin" ]; then
	for p in "$product_dir"/usr/local/{bin,sbin}/*; do
		product+=("$p=${p#"$product_dir"}")
	done
	# shellcheck disable=SC2086
	initrd "$bed/guest/driver.cpio.gz" "$here/guest-init" -m $guest_modules tun bridge loop \
		-p "${tools[@]}" "$BUILD"/xen/bin/* "${kills[@]}" "${product[@]}" "$root/usr/sbin/bridge" \
		"$root/usr/bin/sqlite3" "$root/usr/bin/strace" -f "$here/../conserved.awk=/bed/conserved.awk"
fi
{
	echo "mode='$MODE'"
	echo "select='$CASE'"
	echo "sched='$SCHED'"
	echo "store='$STORE'"
	echo "guest_type='$GUEST'"
	echo "slow='$XEN_SLOW'"
	echo "rounds='$XEN_ROUNDS'"
	echo "eval_loads='$EVAL_LOADS'"
	echo "eval_seconds='$EVAL_SECONDS'"
	echo "eval_accountant='$EVAL_ACCOUNTANT'"
	echo "eval_entitled='$EVAL_ENTITLED'"
} >"$bed/run.conf"
mkdir -p "$product_dir/usr/local"
if [ "$form" = tar ]; then
	mkdir -p "$bed/product"
	cp -a "$product_dir"/usr/local/. "$bed/product/"
	tar -C "$bed" -cf "$out/push.tar" .
	exit
fi
image() { # FILE LABEL SIZE DIRECTORY
	rm -f "$1"
	truncate -s "$3" "$1"
	mkfs.ext4 -q -L "$2" -O ^has_journal -d "$4" "$1"
}
image "$out/bed.img" bed 512M "$bed"
image "$out/product.img" product 128M "$product_dir/usr/local"
