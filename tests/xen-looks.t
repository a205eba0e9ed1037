#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `make check-xen` makes of its beds: numbers, second looks and the verdict, with beds
# that are a script.
. "$(dirname "$0")/lib/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/xen" # where it keeps what the first look said
cp "$(dirname "$0")/xen/check.sh" "$tmp"
: >"$tmp/base.sh"
cat >"$tmp/run.sh" <<'RUN'
#!/bin/bash
# BAD: cases that fail, at each look or at the first ("1"); DIES: a bed that ends after so many
look=$(($(cat "$BUILD/look.$STORE" 2>/dev/null || echo 0) + 1)) n=0
echo $look >"$BUILD/look.$STORE"
[ "$STORE$look" != "$BOOTLESS" ] || { echo 'Bail out! nothing'; exit 1; }
if [ $STORE = oxenstored ]; then all='a b'; else all='c d e f g'; fi
set -- ${CASE:-$all}
echo "# cases: $*"
echo "1..$#"
for c; do
	n=$((n + 1))
	[ "$STORE$look-$n" != "$DIES" ] || exit 1
	case " $BAD " in *" $c "* | *" $c$look "*) printf 'not ' ;; esac
	echo "ok $n - $c # 1 s"
done
RUN
chmod +x "$tmp"/*.sh
look() {	# look [VARIABLE=VALUE]...: its verdict and exit code
	rm -f "$tmp"/look.*
	env -u CASE -u SCHED -u STORE -u GUEST -u XEN_BASE -u BAD -u DIES -u BOOTLESS BUILD="$tmp" "$@" \
		"$tmp/check.sh" >"$tmp/out"
	local rc=$?
	echo "$(tail -n 1 "$tmp/out") $rc"
}
is "$(look)" "7 passed, 0 failed 0" "all well"
is "$(look BAD=d1)" "7 passed, 0 failed, 1 at the second look 0" "one that fails once"
grep -qx '# xenstored+credit+pvh: first look: not ok - d # 1 s' "$tmp/out"
ok $? "is told"
is "$(look BAD=d)" "6 passed, 1 failed, 1 at the second look 1" "one that fails twice"
is "$(look DIES=xenstored1-3)" "7 passed, 0 failed, 3 at the second look 0" "a bed that dies is booted again"
grep -qx '# xenstored+credit+pvh: again: e f g' "$tmp/out"
ok $? "for what did not run"
is "$(look DIES=xenstored1-3 BAD=f)" "6 passed, 1 failed, 3 at the second look 1" "which may fail"
is "$(look BOOTLESS=oxenstored1)" "7 passed, 0 failed, 1 at the second look 0" "a bed that does not boot is booted again"
is "$(look "BAD=c1 d1 e1 f1")" "3 passed, 4 failed 1" "with four that fail it is over"
is "$(look XEN_MINUTES=0 BAD=d1)" "6 passed, 1 failed 1" "and when the time is"
is "$(look CASE=a BAD=a1)" "0 passed, 1 failed 1" "cases that were chosen have one look"
echo "1..$n"
