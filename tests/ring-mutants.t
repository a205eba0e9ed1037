#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each mutant of tests/mutants must die in the test that its patch names,
# and that test must pass without it.  Runs in a copy of the sources.
# timeout: 900
[ -z "$SANITIZE" ] || { echo "1..0 # SKIP with SANITIZE the timing is another"; exit 0; }
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d "$BUILD/mutants.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
flags="-std=c11 -O2 -D_GNU_SOURCE -D__XEN_TOOLS__ -DACCTRING_VERSION=\"mutant\" -Iinclude -I."
objects() { # DIR [FILE...]: all of ring/, or these
	local dir=$1 f
	shift
	(cd "$dir" && for f in ${*:-ring/*.c}; do ${CC:-cc} $flags -c -o "${f%.c}.o" "$f" || exit 1; done)
}

build() { # DIR TEST
	local t=tests/prog/$2.c
	[ -e "$1/$t" ] || t=tests/unit/$2.c
	(cd "$1" && ${CC:-cc} $flags -o "$2" $t ring/*.o -lcmocka -lxengnttab -lxenevtchn -lxenstore -lpthread)
}

run() { # DIR TEST
	case $2 in
	ring_ksim) timeout 70 "$1/$2" --kills 4000 --seconds "$3" ;;
	*) timeout 70 "$1/$2" ;;
	esac >"$1/out" 2>&1
}

copy() {
	mkdir "$1" && cp -r "$top/ring" "$top/include" "$top/common" "$1" && mkdir -p "$1/tests" &&
		cp -r "$top/tests/prog" "$top/tests/unit" "$1/tests"
}

n=0
say() { # RESULT NAME
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n - $2" || { echo "not ok $n - $2"; sed 's/^/# /' "$dir/log" 2>/dev/null | head -20; }
}

# shellcheck disable=SC2046
set -- $(grep -l "^killed by: " "$top"/tests/mutants/*.patch)
tests=$(sed -n 's/^killed by: //p' "$@" | sort -u)
echo "1..$(($# + $(echo "$tests" | wc -l)))"
copy "$dir/none"
objects "$dir/none" >"$dir/log" 2>&1
for t in $tests; do
	build "$dir/none" "$t" >"$dir/log" 2>&1 && run "$dir/none" "$t" 10
	say $? "$t passes without a mutant"
done
for p; do
	name=$(basename "$p" .patch)
	t=$(sed -n 's/^killed by: //p' "$p")
	m=$dir/$name
	copy "$m"
	cp "$dir"/none/ring/*.o "$m/ring"
	touched=$(sed -n 's|^+++ b/\(ring/.*\.c\)$|\1|p' "$p")
	grep -q '^+++ b/.*\.h$' "$p" && touched="ring/*.c"
	if ! patch -s -p1 -d "$m" <"$p" >"$dir/log" 2>&1; then
		say 1 "$name: the patch does not apply"
	elif [ -n "$touched" ] && ! objects "$m" "$touched" >"$dir/log" 2>&1; then
		say 1 "$name: does not build"
	elif ! build "$m" "$t" >"$dir/log" 2>&1; then
		say 1 "$name: does not build"
	else
		run "$m" "$t" 50 # until it dies, which takes a second or so
		ret=$?
		# failed by its own judgement, not by a crash or the time limit
		[ $ret -ge 1 ] && [ $ret -lt 100 ]
		say $? "$name: killed by $t ($(sed -n 's/^\(kills=[0-9]*\).*/\1/p' "$m/out"))"
	fi
	rm -rf "$m"
done
