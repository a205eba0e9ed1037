#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The core of the sandbox: domains, grants, event channels, faults on request.
# The outer half starts the sandboxes; with "inside" it is the inner half.

BUILD=${BUILD:?}
X=$BUILD/bin/xsandbox
P=$BUILD/tests/prog

ok() {				# ok NAME COMMAND...
	local name=$1
	shift
	if "$@"; then echo "ok - $name"; else echo "not ok - $name"; fi
}

is() {				# is NAME GOT WANTED
	if [ "$2" = "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "# got '$2', wanted '$3'"
	fi
}

eventually() {			# for two seconds at most
	local i
	for i in $(seq 100); do
		"$@" && return 0
		sleep 0.02
	done
	return 1
}

line() {			# line FILE PATTERN: wait for it, print what matched
	eventually grep -q "$2" "$1" && grep -m1 "$2" "$1"
}

state() { "$X" list | awk -v d="$1" '$1 == d { print $4 }'; }
procs() { "$X" list | awk -v d="$1" '$1 == d { print $6 }'; }
state_is() { [ "$(state "$1")" = "$2" ]; }
gone() { ! grep -q '^State:.[^Z]' "/proc/$1/status" 2> /dev/null; }

programs() {
	local t
	"$X" create 1 && "$X" create 2 && "$X" create 3
	for t in grant event notify copy storm; do
		echo "# sandbox_$t"
		timeout 60 "$P/sandbox_$t" || echo "not ok - sandbox_$t exits with $?"
	done
	"$X" destroy 3
}

domains() {
	local uuid=00112233-4455-6677-8899-aabbccddeeff
	is 'create a domain' "$("$X" create 5 --name five --uuid $uuid && state 5)" running
	is 'list says its name and uuid' \
		"$("$X" list | awk '$1 == 5 { print $2, $3 }')" "$uuid five"
	is 'twice is refused' "$("$X" create 5 2>&1)" \
		'xsandbox: create: domain 5 exists already (running or dying)'
	is 'exec runs in the domain' "$("$X" exec 5 -- sh -c 'echo $XSANDBOX_DOMID')" 5
	is 'stdin goes there' "$(echo hello | "$X" exec 5 -- cat)" hello
	is 'the working directory too' "$(cd / && "$X" exec 5 -- pwd)" /
	is 'xsandbox is found at the end of PATH' \
		"$(PATH=/usr/bin:/bin "$X" exec 5 -- sh -c 'echo "$PATH"')" \
		"/usr/bin:/bin:$(dirname "$(realpath "$X")")"
	is 'also where exec is run by its name, and only once' \
		"$(PATH=/usr/bin:/bin "$X" exec 0 -- xsandbox exec 5 -- sh -c 'echo "$PATH"')" \
		"/usr/bin:/bin:$(dirname "$(realpath "$X")")"
	"$X" exec 5 -- sh -c 'exit 42'
	is 'the exit code comes back' $? 42
	"$X" exec 5 -- sh -c 'kill -SEGV $$'
	is 'so does a signal' $? 139
	"$X" exec 5 -- /nonexistent 2> /dev/null
	is 'no such command: 127' $? 127
	"$X" exec 5 -- sleep 100 &
	eventually [ "$(procs 5)" = 1 ]
	sleep 0.1
	kill -TERM $!
	wait $!
	is 'signals are passed on' $? 143
	"$X" exec 5 -- sh -c 'echo $$ > pid; exec sleep 100' &
	eventually test -s pid
	kill -KILL $!
	ok 'kill -9 of exec takes the command along' eventually gone "$(cat pid)"
	is 'an unprivileged domain is no toolstack' \
		"$("$X" exec 5 -- "$X" create 6 2>&1)" \
		'xsandbox: create: only domain 0 may do this'
	"$X" exec 5 -- "$X" exec 0 -- true 2> /dev/null
	is 'nor may it exec' $? 1
	is 'domain 0 cannot be destroyed' "$("$X" destroy 0 2>&1)" \
		'xsandbox: destroy 0: Invalid argument'
	is 'nor one that is not there' "$("$X" destroy 77 2>&1)" \
		'xsandbox: destroy: there is no domain 77'
	"$X" exec 5 -- "$P/sandbox_hold" fill > fill &
	line fill ready > /dev/null
	is 'all its processes are listed' "$(procs 5)" 8
	"$X" exec 5 -- sh -c 'setsid sleep 321 & echo $!' > orphan
	ok 'destroy' "$X" destroy 5
	wait $! 2> /dev/null
	ok 'an orphan of it is dead, too' gone "$(cat orphan)"
	# xenstored has its ring page mapped until it hears of the end
	for _ in $(seq 100); do
		[ -n "$(state 5)" ] || break
		sleep 0.05
	done
	is 'nothing of it is left' "$(state 5)" ''
	"$X" create 5
	is 'the domid can be used again' "$(state 5)" running
	"$X" destroy 5
}

zombie() {
	local ref again
	"$X" create 3
	is 'xenstored has VIRQ_DOM_EXC, as in every domain 0' \
		"$(timeout 5 "$P/sandbox_hold" virq)" 'not bound: File exists'
	timeout 20 xenstore-watch -n 2 @releaseDomain > released &
	line released release > /dev/null
	"$X" exec 3 -- "$P/sandbox_hold" share 0 'last words' > share &
	ref=$(line share ref)
	"$X" exec 3 -- "$P/sandbox_hold" share 0 'nobody listens' > share2 &
	mkfifo ctl
	"$P/sandbox_hold" map 3 "${ref#ref }" < ctl > map &
	exec 9> ctl
	is 'a page of domain 3 is mapped' "$(line map text)" 'text last words'
	again=$(line share2 ref)
	"$X" destroy 3
	is 'destroyed while mapped: a zombie' "$(state 3)" dying
	ok 'it fires: xenstored tells who watches @releaseDomain' \
		eventually eval '[ $(wc -l < released) = 2 ]'
	is 'no process of it is left' "$(procs 3)" 0
	echo again >&9
	is 'a page that is mapped can be mapped again' \
		"$(line map '^last')" 'last words'
	is 'one that is not is gone' \
		"$("$P/sandbox_hold" try 3 "${again#ref }")" no
	"$X" exec 3 -- true 2> /dev/null
	is 'nothing runs in a zombie' $? 1
	"$X" create 3 2> /dev/null
	is 'its domid is taken' $? 1
	exec 9>&-
	ok 'after the last unmap it is gone' eventually state_is 3 ''
	"$X" create 3
	is 'the successor has none of its grants' \
		"$("$P/sandbox_hold" try 3 "${ref#ref }")" no
	"$X" destroy 3
}

faults() {
	local ref ms
	"$X" create 4
	"$X" exec 4 -- "$P/sandbox_hold" share 0 'fault me' > share4 &
	ref=$(line share4 ref)
	ref=${ref#ref }
	"$X" fault fail-map 0 2
	is 'fail-map: the first fails' "$("$P/sandbox_hold" try 4 "$ref")" no
	is 'and the second' "$("$P/sandbox_hold" try 4 "$ref")" no
	is 'the third does not' "$("$P/sandbox_hold" try 4 "$ref")" 'fault me'
	"$X" fault delay-events 4 150
	ms=$("$X" exec 4 -- "$P/sandbox_hold" delay)
	ok "delay-events: an event takes its time ($ms ms)" test "$ms" -ge 140
	"$X" fault delay-events 4 0
	ms=$("$X" exec 4 -- "$P/sandbox_hold" delay)
	ok "and no longer ($ms ms)" test "$ms" -lt 140
	ok 'kill-domain' "$X" fault kill-domain 4
	is 'it is gone' "$(state 4)" ''
	is 'an unknown fault is refused' "$("$X" fault melt 4 2>&1)" \
		'xsandbox: fault: kill-domain D, delay-events D MS, fail-map D COUNT and store-eagain D COUNT are allowed'
	"$X" create 4
	"$X" exec 4 -- sleep 99 &
	eventually [ "$(procs 4)" = 1 ]
	kill -KILL "$(pgrep -f "domain-init 4 $XSANDBOX")"
	ok 'a domain whose init dies crashes' eventually state_is 4 ''
	wait $!
	is 'with its processes' $? 137
}

if [ "$1" = inside ]; then
	cd "$2" || exit 1
	programs
	domains
	zombie
	faults
	exit 0
fi

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
export TMPDIR=$T
unset XDG_RUNTIME_DIR

outer() {
	mkdir "$T/in"
	timeout 120 "$X" run -- bash "$0" inside "$T/in" 2> "$T/err"
	is 'the sandbox ends with its command' $? 0
	sed 's/^/# /' "$T/err"
	is 'and leaves no file' "$(ls -d "$T"/xsandbox-* 2> /dev/null)" ''

	"$X" run --domain 7 --name seven -- sh -c 'exit $((XSANDBOX_DOMID + 10))'
	is 'run --domain: the exit code is that of the command' $? 17
	"$X" run -- sh -c 'kill -ABRT $$'
	is 'or 128 + its signal' $? 134
	"$X" run --domain 1 -- sh -c 'setsid sleep 1234 & echo $! > '"$T"'/left'
	ok 'nothing that was left running survives' gone "$(cat "$T/left")"

	"$X" run -- sh -c 'trap "echo bye; exit 0" TERM; echo $$ > '"$T"'/up
		while :; do sleep 0.05; done' > "$T/out" &
	eventually test -s "$T/up"
	kill -TERM $!
	wait $!
	is 'SIGTERM: taken down, 143' $? 143
	is 'the command had its chance' "$(cat "$T/out")" bye
	is 'no file is left' "$(ls -d "$T"/xsandbox-* 2> /dev/null)" ''

	"$X" run -- sh -c 'echo $$ > '"$T"'/victim; exec sleep 100' &
	eventually test -s "$T/victim"
	kill -KILL $!
	wait $! 2> /dev/null
	ok 'kill -9 of the broker: the domains die' eventually gone "$(cat "$T/victim")"
	rm -rf "$T"/xsandbox-*

	"$X" run -- sh -c 'echo $XSANDBOX; sleep 0.5' > "$T/a" &
	"$X" run -- sh -c 'echo $XSANDBOX; sleep 0.5; '"$X"' create 9' > "$T/b"
	is 'two at a time do not meet' "$?/$(sort -u "$T/a" "$T/b" | wc -l)" 0/2
	wait

	"$X" list 2> "$T/err"
	is 'outside of a sandbox: 4' "$?/$(cat "$T/err")" \
		'4/xsandbox: not inside a sandbox: $XSANDBOX is not set (see xsandbox run)'
	"$X" run --domain 40000 -- true 2> "$T/err"
	is 'a bad domid: 2' "$?/$(cat "$T/err")" \
		'2/xsandbox: --domain 40000: a number from 0 to 32751 is allowed'
	"$X" run 2> /dev/null
	is 'no command: 2' $? 2
	"$X" frob 2> "$T/err"
	is 'no such sub-command: 2' "$?/$(cat "$T/err")" \
		'2/xsandbox: frob: run, create, destroy, exec, list, fault, --help and --version are allowed'
	ok '--help' "$X" --help > /dev/null
	ok '--version' "$X" --version > /dev/null

	local l
	for l in xengnttab xenevtchn; do
		syms() { objdump -T "$1" | awk '/ VERS_|\(VERS_/ && /\.text/ { print $(NF-1), $NF }' | sort; }
		real=$(ls /usr/lib/*/lib$l.so.1 | head -1)
		is "lib$l exports what the real one does" \
			"$(syms "$BUILD/sandbox/lib$l.so.1")" "$(syms "$real")"
	done
}

outer > "$T/tap" 2>&1
sed 's/^ok - \(--[a-z]*\)$/ok - option \1/' "$T/tap"
echo "1..$(grep -c '^\(not \)\?ok' "$T/tap")"
! grep -q '^not ok' "$T/tap"
