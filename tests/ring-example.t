#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The example of the manual builds against what `make install` puts down.
[ -z "$SANITIZE" ] || { echo "1..0 # SKIP links the library as installed"; exit 0; }
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
echo 1..4
mkdir -p "$dir/lib/pkgconfig" "$dir/include" && cp -r "$top/include/acctring" "$dir/include"
cp "$BUILD/libacctring.so.1" "$dir/lib" && ln -s libacctring.so.1 "$dir/lib/libacctring.so"
sed -e "s|@PREFIX@|$dir|;s|@LIBDIR@|$dir/lib|;s|@INCLUDEDIR@|$dir/include|;s|@VERSION@|0.1.0|" \
	"$top/ring/acctring.pc.in" >"$dir/lib/pkgconfig/acctring.pc"
[ "$(wc -l <"$top/docs/examples/backend.c")" -le 40 ] && echo "ok 1 - at most 40 lines" || echo "not ok 1"
# shellcheck disable=SC2046
if out=$(cd "$dir" && ${CC:-cc} -Wall -Wextra -o backend "$top/docs/examples/backend.c" \
	$(PKG_CONFIG_PATH=$dir/lib/pkgconfig pkg-config --cflags --libs acctring) 2>&1) && [ -z "$out" ]; then
	echo "ok 2 - builds with pkg-config alone"
else
	echo "not ok 2 - $out"
fi
out=$(LD_LIBRARY_PATH=$dir/lib timeout 20 "$dir/backend" 2>&1)
echo "# $out"
case $out in
posted_ns=[1-9]*" records="*" spilled="*" pending="*) echo "ok 3 - runs, and prints nothing else" ;;
*) echo "not ok 3" ;;
esac
# exported: what the headers declare, and nothing else
nm -D --defined-only "$BUILD/libacctring.so.1" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort >"$dir/has"
sed -n '/^static/!s/^[a-z].*[ *]\(acctring_[a-z_]*\)(.*/\1/p' "$top/include/acctring/acctring.h" \
	"$top/include/acctring/accountant.h" | grep -v '_fn$' | cat - <(printf 'acctring_%s\n' post_fn admit_fn admit_more_fn) | sort -u >"$dir/wants"
if diff "$dir/wants" "$dir/has" >"$dir/diff" && [ "$(wc -l <"$dir/has")" -gt 25 ]; then
	echo "ok 4 - exports what the headers declare ($(wc -l <"$dir/has"))"
else
	echo "not ok 4 - symbols"
	sed 's/^/# /' "$dir/diff"
fi
