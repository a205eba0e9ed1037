#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 120
# The cases and facts of tests/xen that say "# on: ... sandbox", each in a sandbox of its
# own: what the sandbox answers is what Xen answered (make check-xen).
# CASE='link-*' chooses.  docs/sandbox.md lists those that run on Xen alone.
: "${BUILD:=$PWD/build}" "${CASE:=*}"
export BUILD
slow=${SANITIZE:+3}
slow=${slow:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# each job is a shell that waits for its sandbox
# shellcheck disable=SC2154
trap 'for p in $(jobs -rp); do pkill -P "$p"; kill "$p" 2>/dev/null; done; exit 143' TERM INT
names=() elsewhere=()
for f in tests/xen/{facts,cases}/*.sh; do
	name=$(basename "$f" .sh)
	# shellcheck disable=SC2053
	[[ $name == $CASE ]] || continue
	if grep -q '^# on: .*sandbox' "$f"; then names+=("$name"); else elsewhere+=("$name"); fi
done

# What dom0 of the bed finds in /bed, in a directory.
make_bed() { # DIRECTORY
	mkdir -p "$1"/{run,results,tmp/dom0}
	cp -r tests/xen/lib*.sh tests/xen/cases tests/lib/toolstack.sh tests/conserved.awk "$1"
	cp tests/xen/facts/*.sh "$1/cases"
	printf '%s\n' on=sandbox sched=credit2 store=xenstored guest_type=pv slow="$slow" \
		>"$1/run.conf"
	: >"$1/run/diag"
}
# shellcheck disable=SC2016
run_one() { # NAME: exit code in $work/NAME/rc, its words in log and run/diag
	local bed=$work/$1 began=$SECONDS rc
	make_bed "$bed"
	# programs of the bed end without giving back; the product's own leaks are the other tests'
	ASAN_OPTIONS=detect_leaks=0 KILLS=40 PATH=$BUILD/bin:$BUILD/tests/prog:$BUILD/xen/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		bed=$bed timeout -k 5 $((60 * slow)) "$BUILD/bin/xsandbox" run -- \
		bash -c '. "$bed/lib.sh"; run_case "cases/$0.sh"' "$1" >"$bed/log" 2>&1 </dev/null
	rc=$?
	echo "$rc $((SECONDS - began))" >"$bed/rc"
}
report() { # NUMBER NAME
	local bed=$work/$2 rc took
	read -r rc took <"$bed/rc"
	sed 's/^/# /' "$bed/run/diag"
	case $rc in
	0) echo "ok $1 - $2 # $took s" ;;
	77) echo "ok $1 - $2 # SKIP $(tail -n 1 "$bed/log")" ;;
	*)
		echo "not ok $1 - $2 # exit $rc after $took s"
		tail -n 20 "$bed/log" | sed 's/^/#   /'
		[ -z "${KEEP:-}" ] || cp -r "$bed" "$KEEP/"
		;;
	esac
}

echo "1..$((${#names[@]} + 1))"
# Some at a time: they wait more than they work.
for name in "${names[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge 3 ]; do wait -n; done
	run_one "$name" &
done
wait
n=0
for name in "${names[@]}"; do
	n=$((n + 1))
	report "$n" "$name"
done
unlisted=()
for name in "${elsewhere[@]}"; do
	grep -q "^|.*\`$name\`.*| no |" docs/sandbox.md || unlisted+=("$name")
done
[ ${#unlisted[@]} = 0 ] || echo -n "not "
echo "ok $((n + 1)) - each case for Xen alone is in docs/sandbox.md, with the reason"
[ ${#unlisted[@]} = 0 ] || echo "# not there: ${unlisted[*]}"
