#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bad configurations, command lines and store contents: each gives one line
# that names the place and what is allowed, and a documented exit status; a
# daemon that runs says its line in the log and goes on.
# timeout: 150
. "$(dirname "$0")/lib/sandbox.sh"
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null; done; rm -rf "$tmp"' EXIT

# bad STATUS REGEX COMMAND...: one line on stderr, nothing on stdout
bad() {
	local want=$1 regex=$2 status lines name
	shift 2
	timeout 10 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	lines=$(wc -l <"$tmp/err")
	name=$(sed "s,$BUILD/bin/,,g; s,$tmp/,,g" <<<"$*")
	case $name in *" conf") name="$name: $(head -c 60 "$tmp/conf" | tr '\n' ' ')" ;; esac
	[ "$status" = "$want" ] && [ "$lines" = 1 ] && [ ! -s "$tmp/out" ] &&
		grep -qE "$regex" "$tmp/err" && {
		ok 0 "$name"
		return
	}
	ok 1 "$name"
	echo "# status $status, expected $want; expected $regex"
	sed 's/^/# /' "$tmp/err" "$tmp/out"
}
conf() { printf '%b' "$1" >"$tmp/conf"; }
# said LOG REGEX NAME: one such line in the log, and the daemon lives
said() {
	soon 5 grep -qE "$2" "$tmp/$1.log"
	sleep 0.3
	[ "$(grep -cE "$2" "$tmp/$1.log")" = 1 ] && kill -0 "${daemon[$1]}"
	ok $? "$1: $3"
	[ "$(grep -cE "$2" "$tmp/$1.log")" = 1 ] || sed 's/^/# /' "$tmp/$1.log" | tail -n 5
}

# -- configurations: file:line: key: what, allowed --
collector() {	# collector TEXT REGEX
	conf "$1"
	bad 3 "^acctring-collector: $tmp/conf:$2" "$bin/acctring-collector" -n -c "$tmp/conf"
}
collector '\n\nbill_period = 5;\n' '3: bill_period: unknown setting, allowed: drivers, bill_period_ms, measure_period_ms, mode, scope, entitlements, max_debt_share, max_debt_ms, burst_ms, charge_factor, included, floor$'
collector 'bill_period_ms = 10;\n' '1: bill_period_ms: 10 is out of range, allowed: 1000\.\.3600000 ms$'
collector 'bill_period_ms = 99999999999;\n' '1: .*, allowed: '
collector 'measure_period_ms = "1 s";\n' '1: measure_period_ms: not an integer, allowed: 100\.\.60000 ms$'
collector 'drivers = ( { domain = "a"; },\n { domain = "a"; } );\n' '2: drivers: domain: named twice, allowed: '
collector 'drivers = ( { domain = "net vm"; } );\n' '1: drivers: domain: not a domain, allowed: a domid 0\.\.32751, a UUID or a name'
collector 'drivers = ( { domain = "a" \n' '2: syntax error, allowed: key = value;$'
bad 3 "^acctring-collector: /nowhere/conf:0: No such file or directory, allowed: a readable file$" \
	"$bin/acctring-collector" -n -c /nowhere/conf
acctringd() {
	conf "$1"
	bad 3 "^acctringd: $tmp/conf:$2" "$bin/acctringd" -n -c "$tmp/conf"
}
acctringd 'databse = "/x";\n' '1: databse: unknown setting, allowed: database, '
acctringd '\ntick_ms = 0;\n' '2: tick_ms: 0 is out of range, allowed: 1\.\.1000'
acctringd 'commit_ms = true;\n' '1: commit_ms: not an integer, allowed: 10\.\.10000'
acctringd 'socket = "";\n' '1: socket: too short, allowed: a path'
conf 'synchronous = "maybe";\n'
bad 3 "^acctringd: $tmp/conf.*synchronous: \"maybe\", allowed: \"normal\", \"full\"$" \
	"$bin/acctringd" -n -c "$tmp/conf"
bad 3 "^acctringd: /:0: Is a directory, allowed: a readable file$" "$bin/acctringd" -n -c /

# -- command lines --
bad 2 '^acctring-collector: --foo: .*allowed: -c FILE, -n,' "$bin/acctring-collector" --foo
bad 2 '^acctring-collector: -c: needs a value, allowed: -c FILE' "$bin/acctring-collector" -c
bad 2 '^acctringd: --foo: .*allowed: see acctringd --help$' "$bin/acctringd" --foo
bad 2 '^acctringd: x: unexpected argument, allowed: options' "$bin/acctringd" x
bad 2 '^acctringd: --socket: empty or too long, allowed: a path, a socket.s of 1\.\.99 bytes$' \
	"$bin/acctringd" -s "/$(printf %099d 0)"
bad 4 "^acctringd: $tmp: unable to open database file, allowed: a file that we can read and write$" \
	"$bin/acctringd" -d "$tmp" -s "$tmp/sock"
bad 2 '^acctctl: leger: unknown command, allowed: ledger, status,' "$bin/acctctl" leger
bad 2 '^acctctl: ledger: --watch: "0" is out of range, allowed: 0\.1\.\.3600 seconds$' \
	"$bin/acctctl" ledger --watch 0
bad 2 '^acctctl: dump: all: unknown, allowed: ledger, accounts, links, domains$' \
	"$bin/acctctl" dump all
bad 4 "^acctctl: $tmp/none: no accountant answers: .*start acctringd" \
	"$bin/acctctl" status --socket "$tmp/none"
bad 2 '^acctring-blkback: --ring-pages 3: .*0, 1, 2, 4 \.\. 64$' "$bin/acctring-blkback" --ring-pages 3
bad 2 '^acctring-blkback: --kind A/b: no such kind, allowed: 1\.\.32 of a-z 0-9 _ -$' "$bin/acctring-blkback" --kind A/b
bad 2 '^acctring-blkback: --devices 0: no such number, allowed: 1\.\.256$' "$bin/acctring-blkback" --devices 0
bad 2 '^acctring-netback: more: unexpected argument, allowed: options, see acctring-netback --help$' \
	"$bin/acctring-netback" more
bad 2 '^acctring-netback: --foo: .*allowed: see acctring-netback --help$' "$bin/acctring-netback" --foo
bad 2 '^acctring-blkfront: --rw up: .*read, write, randread' "$bin/acctring-blkfront" --rw up
bad 2 '^acctring-netfront: --send me: .*00:16:3e:00:00:01' "$bin/acctring-netfront" --send me
bad 2 '^xsandbox: foo: run, create, destroy' "$bin/xsandbox" foo
bad 2 '^xsandbox: domain 99999: a number from 0 to 32751' "$bin/xsandbox" create 99999
conf 'bill_period_ms = 1000;\n'
bad 4 '^acctring-collector: .*: cannot (connect|open).*allowed: dom0 of a running Xen' \
	env -u XSANDBOX -u XENSTORED_PATH LD_LIBRARY_PATH= XENSTORED_RUNDIR=/nowhere \
	"$bin/acctring-collector" -c "$tmp/conf"

# -- store contents: daemons that run --
"$bin/xsandbox" create 1 --name driver
"$bin/xsandbox" create 2 --name guest
declare -A daemon
printf 'drivers = ( { domain = "driver"; accountant = "driver"; } );\n' >"$tmp/conf"
b=/local/domain/1/acctring/backend/1
d=/local/domain/1/data/acctring

# left by an earlier collector, or by somebody else in dom0
uuid=$(uuid_of 1)
xenstore-write $b "v=1 uuid=$uuid name=driver" $b/2 "v=1 uuid=what serial=-1 state=on"
"$bin/acctring-collector" -v -c "$tmp/conf" 2>"$tmp/collector.log" &
daemon[collector]=$!
pids="$pids $!"
said collector "$b/2: \"v=1 uuid=what serial=-1 state=on\" is ignored, allowed: v=1 uuid=\.\. serial=\.\. state=on\|gone" \
	"a bad backend/<B>/<F> is named"
xenstore-rm $b/2
xenstore-write /libxl/2/device/vbd/1/backend /local/domain/1/backend/abd/3/1
said collector '/libxl/2/device/vbd/1/backend: "/local/domain/1/backend/abd/3/1" is ignored, allowed: /local/domain/<B>/backend/<kind>/2/<device>' \
	"a bad backend path is named"
xenstore-rm /libxl/2/device/vbd
statement() {	# statement NODE VALUE REGEX
	"$bin/xsandbox" exec 1 -- xenstore-write "$d/statement/version" 1.0 \
		"$d/statement/epoch" 00000000000000aa "$d/statement/ring-ref" 8 \
		"$d/statement/$1" "$2" "$d/statement/state" "${3:-4}"
	said collector "$d/statement/$1: \"$2\" is refused, allowed: $4" "a bad statement/$1 is named"
}
statement epoch 0 4 '16 lower-case hex digits, not 0'
statement ring-ref x8 4 'a grant reference'
statement version 7 4 '1\.<minor>'
statement state up up 'a xenbus state, 1\.\.6'
"$bin/xsandbox" exec 1 -- xenstore-rm "$d/statement"

"$bin/xsandbox" exec 1 -- "$bin/acctringd" -d "$tmp/ledger.db" -s "$tmp/sock" 2>"$tmp/acctringd.log" &
daemon[acctringd]=$!
pids="$pids $!"
soon 5 "$bin/acctctl" dump --socket "$tmp/sock"
ok $? "acctringd runs"
link() {	# link SLOT KEY VALUE
	"$bin/xsandbox" exec 1 -- xenstore-write "$d/link/$1" "$(
		echo "v=1 epoch=00000000000000b$1 ref=8 port=9 state=4" | sed "s/ $2=[^ ]*/ $2=$3/")"
	said acctringd "$d/link/$1: .*allowed: v=1 epoch=<16 lower-case" "a bad $2 of a link is named"
}
link 1 epoch XYZ
link 2 ref 4294967296
link 3 port none
link 4 state ready
xenstore-write $b/2 "v=2 uuid=what"
said acctringd "$b/2: .*allowed: v=1 uuid=" "a bad backend/<B>/<F> is named"
"$bin/xsandbox" create 3 --name other
xenstore-write /local/domain/1/acctring/backend/3/measured "v=1 t_ns=5 cpu_ns=-4" \
	/local/domain/1/acctring/backend/3 \
	"v=1 uuid=$(uuid_of 3) name=other"
said acctringd "backend/3/measured: .*allowed: v=1 t_ns=\.\. cpu_ns=" "a bad measured is named"
for p in "${daemon[@]}"; do
	kill -TERM "$p"
	wait "$p"
	ok $? "SIGTERM ends it with 0"
done
pids=
echo "1..$n"
