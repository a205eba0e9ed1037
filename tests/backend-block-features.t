#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 180
# What acctring-blkback offers beyond one ring of one page, each used by
# acctring-blkfront: layouts, indirect requests, larger and more rings,
# discard, resize, the ways to the file, and what comes of a flush that fails.  Domain 0 of a sandbox.
shopt -s extglob
: "${BUILD:=$PWD/build}"
export BUILD
if [ "$1" != inside ]; then
	exec "$BUILD/bin/xsandbox" run -- bash "$0" inside
fi

. tests/lib/toolstack.sh
. tests/lib/tap.sh
. tests/lib/domain.sh
xsb=$BUILD/bin/xsandbox
bin=$BUILD/bin
prog=$BUILD/tests/prog
tmp=$(mktemp -d)
loop=
# shellcheck disable=SC2154
trap '[ -z "$loop" ] || losetup -d "$loop"; rm -rf "$tmp"' EXIT
disk=/local/domain/1/backend/abd/2/51712
front=/local/domain/2/device/vbd/51712

node() { xenstore-read "$disk/$1" 2>/dev/null; }
field() { sed -n "s/.*[ ]$1=\([0-9.]*\).*/\1/p" <<<"$line"; }
front() {	# front ARGS...: its line is in $line
	line=$(timeout 60 "$xsb" exec 2 -- "$bin/acctring-blkfront" "$@" 2>"$tmp/front.log")
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$tmp/front.log"
}
backend() {	# backend NAME ARGS...
	local name=$1
	shift
	background 1 "$name" "$bin/acctring-blkback" -v --totals "$tmp/$name.totals" "$@"
	back=$pid back_exec=$last
}
ends() {	# ends NAME: the backend, and what it says of its books
	kill -TERM "$back"
	wait "$back_exec"
	is $? 0 "$1: ends with 0"
	grep -qE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/$1.log"
	is $? 1 "$1: no sanitizer has complained"
}
insert() {	# insert FILE [MODE]: a new disk, offered
	ts_forget 2 vbd 51712
	ts_vbd 2 1 51712 "$@"
	ts_wait "$disk" 2
}
sum() { awk -F'\t' -v k="$2" "$3"' { s += $k } END { printf "%.0f", s }' "$1"; }

"$xsb" create 1 --name driver && "$xsb" create 2 --name one
truncate -s 4M "$tmp/a.img"

# -- layouts, rings, queues, sizes: the data must be right in all of them --
background 0 drain "$prog/backend_drain" 1
drain=$last
backend back --queues 4
insert "$tmp/a.img" w
ok $? "a disk"
asked=0 seed=20
while read -r name args; do
	seed=$((seed + 1))
	# shellcheck disable=SC2086
	front --rw verify --seed $seed $args
	is "$status/$(field errors)/$(field mismatches)/$(field verified)" 0/0/0/8192 "$name: right data"
	cmp -s "$tmp/a.img" <("$prog/backend_pattern" $seed 8192)
	ok $? "$name: and in the file"
	asked=$((asked + $(field requests)))
done <<-'LIST'
	32-bit         --abi32 --bs 512-44k
	indirect       --bs 512-1m --depth 3
	small-indirect --bs 512-32k --indirect --depth 32
	32-bit-indirect --abi32 --bs 512-512k --depth 6
	two-pages      --ring-order 1 --bs 512-12k --depth 64
	16-pages       --ring-order 4 --bs 512-4k --depth 450
	16-pages-32-bit --ring-order 4 --bs 512-4k --depth 450 --abi32
	two-queues     --queues 2 --bs 512-44k --depth 32
	all-of-it      --queues 4 --ring-order 2 --bs 512-64k --depth 56 --abi32 --indirect
LIST
like "$(cat "$tmp/back.log")" "4 queues of 128 entries, x86_32" "the backend says what it serves"
like "$(cat "$tmp/back.log")" "queue 3: io_uring, (O_DIRECT|through)" "and how it reaches the file"
"$xsb" exec 2 -- "$bin/acctring-blkfront" --queues 5 --count 1 2>"$tmp/queues"
is $? 4 "more queues than there are"
like "$(cat "$tmp/queues")" "multi-queue-max-queues is 4" "are told"

# -- discard --
is "$(node feature-discard)/$(node discard-alignment)/$(node discard-secure)" 1/0/0 "discard is offered"
at_least "$(node discard-granularity)" 512 "with its granularity"
sync "$tmp/a.img"
before=$(stat -c %b "$tmp/a.img")
front --rw trim --bs 64k --size 1m --count 16
is "$status/$(field discards)/$(field errors)" 0/16/0 "a quarter of the disk is discarded"
asked=$((asked + $(field requests)))
cmp -s <(head -c 1M "$tmp/a.img") <(head -c 1M /dev/zero)
ok $? "it reads as zeros"
at_least "$((before - $(stat -c %b "$tmp/a.img")))" 2000 "and its blocks are free"
is "$(stat -c %s "$tmp/a.img")" $((4 << 20)) "the file is as long as before"
front --rw randtrim --bs 512 --count 50 --abi32
is "$status/$(field discards)" 0/50 "the 32-bit layout, sectors"
asked=$((asked + $(field requests)))

# -- resize, while it is served --
background 2 long "$bin/acctring-blkfront" --rw randread --rate 200 --runtime 60
long=$pid long_exec=$last
ts_wait "$front" 4
truncate -s 6M "$tmp/a.img"
for _ in $(seq 60); do
	[ "$(node sectors)" = 12288 ] && break
	sleep 0.05
done
is "$(node sectors)/$(ts_state "$disk")" 12288/4 "a file that grew: sectors, and still Connected"
sleep 0.2
kill -TERM "$long"
wait "$long_exec"
line=$(cat "$tmp/long.out")
is "$(field sectors)/$(field errors)" 12288/0 "the frontend was told"
asked=$((asked + $(field requests)))
front --rw verify --bs 512-44k --seed 40
is "$status/$(field verified)" 0/12288 "all of it is there"
asked=$((asked + $(field requests)))
background 2 short "$bin/acctring-blkfront" --rw randread --rate 200 --runtime 60
short=$pid short_exec=$last
ts_wait "$front" 4
truncate -s 4M "$tmp/a.img"
for _ in $(seq 60); do
	[ "$(node sectors)" = 8192 ] && break
	sleep 0.05
done
sleep 0.2
kill -TERM "$short"
wait "$short_exec"
code=$? line=$(cat "$tmp/short.out")
is "$code/$(node sectors)/$(field sectors)" 1/8192/8192 "a file that was cut: the same"
at_least "$(field errors)" 1 "what lay behind its end is an error"
asked=$((asked + $(field requests)))

# -- what the toolstack says --
ts_forget 2 vbd 51712
ts_device 2 1 vbd abd 51712 virtual-device 51712 -- params "$tmp/a.img" mode w \
	discard-enable 0 removable 1 device-type cdrom
ts_wait "$disk" 2
is "$(node feature-discard)/$(node info)" 0/3 "discard-enable 0, a removable CD"
front --rw trim --count 4 2>/dev/null
is "$status/$(field unsupported)" 1/4 "discards are answered: not supported"
asked=$((asked + $(field requests)))
insert "$tmp/a.img" r
is "$(node feature-discard)/$(node info)" 0/4 "a read-only disk has no discard"
kill -USR1 "$back"
ends back
wait "$drain"
is $? 0 "the accountant's end saw it go"
t=$tmp/back.totals d=$tmp/drain.out
is "$(sum "$t" 5 '$4 != "event"')" "$asked" "a record for each request, exactly, from all queues"
is "$(sum "$t" 6 1)" "$(sum "$t" 5 1)" "each of one unit"
for column in "posts 5 6" "units 6 7" "bytes 7 8" "ns 8 9"; do
	# shellcheck disable=SC2086
	set -- $column
	is "$(sum "$d" "$3" 1)" "$(sum "$t" "$2" 1)" "$1: drained = the backend's own books"
done
is "$(sum "$t" 5 '$4 == "discard"')" 70 "discards are a class of their own"

# -- the ways to the guest's pages: a queue that measures takes both --
for how in map copy auto; do
	backend "$how" --grants $how
	insert "$tmp/a.img" w
	front --rw verify --bs 512-1m --depth 3 --seed 50
	is "$status/$(field verified)/$(field mismatches)" 0/8192/0 "--grants $how: right data"
	front --rw randrw --bs 4k --count 400 --abi32
	is "$status/$(field errors)" 0/0 "--grants $how: small requests"
	ends $how
done
gauged() { sed -n "s/.*: $1 of 1 pages: \([0-9]*\) mapped.* \([0-9]*\) copied.*/\1 \2/p" "$tmp/$2.log" | tail -n 1; }
is "$(gauged reads map)" "" "map: nothing to measure"
like "$(gauged reads copy)" "^0 [1-9]" "copy: nothing mapped"
# shellcheck disable=SC2046
set -- $(gauged reads auto)
[ "${1:-0}" -ge 16 ] && [ "${2:-0}" -ge 16 ]
ok $? "auto: both were tried ($*)"

# -- lanes are short: each device that was promised keeps one --
backend many --devices 250 --queues 16
insert "$tmp/a.img" w
is "$(node multi-queue-max-queues)" 7 "256 lanes, 250 devices: the first may have 7 queues"
front --rw verify --bs 4k-44k --queues 7 --depth 28 --seed 51
is "$status/$(field verified)/$(field mismatches)" 0/8192/0 "and has them"
ends many

# -- the ways to the file --
background 1 refused "$prog/refuse" io_uring_setup 1 "$bin/acctring-blkback" -v
back=$pid back_exec=$last
insert "$tmp/a.img" w
front --rw verify --bs 512-1m --depth 3 --seed 42
is "$status/$(field verified)/$(field mismatches)" 0/8192/0 "where io_uring is refused: the same data"
like "$(cat "$tmp/refused.log")" "io_uring is refused \(Operation not permitted\)" \
	"-v says so"
cmp -s "$tmp/a.img" <("$prog/backend_pattern" 42 8192)
ok $? "and in the file"
ends refused

# -- a file that has no room: the guest is told, and the operator --
background 1 full "$prog/refuse" io_uring_setup 1 "$prog/refuse" pwritev 28 "$bin/acctring-blkback"
back=$pid back_exec=$last
insert "$tmp/a.img" w
front --rw write --count 20 2>/dev/null
is "$status/$(field writes)/$(field errors)" 1/20/20 "writes to a file that has no room are errors"
is "$(grep -c 'write of 4096 bytes at [0-9]*: No space left on device' "$tmp/full.log")" 1 "the log says it once"
front --rw read --count 20
is "$status/$(field errors)" 0/0 "what is there can be read"
ends full

# -- a flush that fails: Linux's frontend goes on as if there were no need to flush --
background 1 torn "$prog/refuse" fdatasync 5 "$bin/acctring-blkback" -v
back=$pid back_exec=$last
insert "$tmp/a.img" w
front --rw write --count 20 --flush 5 --depth 1 2>/dev/null
is "$status/$(field writes)/$(field flushes)/$(field errors)" 1/20/4/19 \
	"a flush failed: an error, and so is each write from then on"
is "$(grep -c 'a flush failed: Input/output error: it takes no more writes' "$tmp/torn.log")" 1 "the log says it once"
front --rw write --count 20
is "$status/$(field errors)" 0/0 "a disk that is connected anew takes them again"
ends torn

# -- a block device with sectors of 4096 bytes --
truncate -s 4M "$tmp/l.img"
loop=$(losetup -f --show --sector-size 4096 "$tmp/l.img" 2>/dev/null)
if [ -b "$loop" ]; then
	backend dev
	insert "$loop" w
	is "$(node sector-size)/$(node sectors)/$(node physical-sector-size)" 512/8192/4096 \
		"a device of 4096: the protocol's 512, and what is better"
	front --rw verify --bs 512-44k --depth 8 --seed 43
	is "$status/$(field verified)/$(field mismatches)" 0/8192/0 "by sectors, some past the page cache"
	like "$(cat "$tmp/dev.log")" "O_DIRECT by 4096 bytes" "those that fit"
	cmp -s "$loop" <("$prog/backend_pattern" 43 8192)
	ok $? "and on the device"
	front --rw verify --bs 4k --depth 32 --seed 44
	is "$status/$(field verified)/$(field mismatches)" 0/8192/0 "by pages"
	front --rw randtrim --bs 512 --count 50
	is "$status/$(field discards)/$(field errors)" 0/50/0 "a discard of less than its sector is no error"
	cmp -s "$loop" <("$prog/backend_pattern" 44 8192)
	ok $? "and changes nothing"
	front --rw trim --bs 64k --count 64
	is "$status/$(field discards)" 0/64 "the device's own discard"
	sync "$tmp/l.img"
	cmp -s "$loop" <(head -c 4M /dev/zero)
	ok $? "leaves zeros"
	ends dev
else
	loop=
	echo "# no loop device here: sectors of 4096 bytes are left out"
fi
echo "1..$n"
