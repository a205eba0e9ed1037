#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A plain ELF kernel out of Debian's vmlinuz: else Xen and libxl unpack it,
# emulated, at each start.
# usage: vmlinux.sh VMLINUZ VMLINUX
set -euo pipefail
magic=$(LC_ALL=C grep -abom1 $'\xfd7zXZ' "$1" | head -n 1 | cut -d: -f1)
tail -c +$((magic + 1)) "$1" | xz -dc 2>/dev/null >"$2.new" || :
readelf -h "$2.new" >/dev/null
mv "$2.new" "$2"
