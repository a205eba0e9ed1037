#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes an initramfs: busybox, an init, kernel modules with what they depend
# on, programs with the libraries they need.  All but the init and our own
# programs comes out of the dom0 image, so that kernel and modules agree.
#
# usage: initrd.sh ROOT KERNELVERSION OUT INIT -m MODULE... -p PROGRAM[=PATH]... -f FILE=PATH...
set -euo pipefail
root=$1 version=$2 out=$3 init=$4
shift 4
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,sbin,dev,proc,sys,run,tmp,mnt,etc,lib/modules,usr/bin,usr/sbin,lib64,usr/lib,root}
cp "$root/bin/busybox" "$tree/bin/"
ln -s busybox "$tree/bin/sh"
install -m 755 "$init" "$tree/init"

# The library and all that it needs, recursively.
libs=/usr/lib/x86_64-linux-gnu
need() {
	local name path
	while read -r name; do
		[ -e "$tree$libs/$name" ] && continue
		for path in "$libs" /usr/local/lib /usr/lib/xen-4.17/lib/x86_64-linux-gnu; do
			[ -e "$root$path/$name" ] || continue
			mkdir -p "$tree$libs"
			cp -L "$root$path/$name" "$tree$libs/$name"
			need "$tree$libs/$name"
			continue 2
		done
		[ -e "$tree$libs/$name" ] || echo "initrd.sh: no $name for $1" >&2
	done < <(readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
}

mode=
for arg in "$@"; do
	case $arg in
	-m | -p | -f) mode=$arg && continue ;;
	esac
	from=${arg%%=*} to=${arg#*=}
	case $mode in
	-m)
		modprobe -d "$root" -S "$version" --show-depends "$arg" |
			sed -n 's/^insmod \([^ ]*\).*/\1/p' >>"$tree/lib/modules/paths"
		;;
	-p)
		[ "$from" = "$arg" ] && to=/bin/$(basename "$arg")
		mkdir -p "$tree$(dirname "$to")"
		cp -L "$from" "$tree$to"
		need "$tree$to"
		;;
	-f)
		mkdir -p "$tree$(dirname "$to")"
		cp -rL "$from" "$tree$to"
		;;
	esac
done
if [ -e "$tree$libs/libc.so.6" ]; then
	cp -L "$root/lib64/ld-linux-x86-64.so.2" "$tree/lib64/"
	# not named by any program: glibc loads it when a thread is cancelled
	cp -L "$root$libs/libgcc_s.so.1" "$tree$libs/"
	ln -s usr/lib/x86_64-linux-gnu "$tree/lib/x86_64-linux-gnu"
fi
# One flat directory, and the order in which to load.
if [ -e "$tree/lib/modules/paths" ]; then
	while read -r path; do
		name=$(basename "$path")
		[ -e "$tree/lib/modules/$name" ] && continue
		cp "$path" "$tree/lib/modules/"
		echo "$name" >>"$tree/lib/modules/order"
	done <"$tree/lib/modules/paths"
	rm "$tree/lib/modules/paths"
fi
(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$out.new"
mv "$out.new" "$out"
