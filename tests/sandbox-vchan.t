#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian's own libxenvchan, unmodified, in the sandbox: a server in an unprivileged
# domain and a client in domain 0 exchange 1 MiB each way; then the client again,
# killed with SIGKILL in mid-stream, which the server notices.

BUILD=${BUILD:?}
X=$BUILD/bin/xsandbox
SIZE=1048576

proxy=$(ls /usr/lib/xen-*/bin/vchan-socket-proxy 2> /dev/null | head -1)
if [ -z "$proxy" ]; then
	echo '1..0 # SKIP no vchan-socket-proxy (package xen-utils)'
	exit 0
fi

n=0
ok() {				# ok NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}

size() { stat -c %s "$1" 2> /dev/null || echo 0; }

# Writes a file, then waits until the other direction has all of its own: the proxy
# drops what is under way when its input ends.
feed() {
	local i
	cat "$1"
	for i in $(seq 500); do
		[ "$(size "$2")" -ge "$SIZE" ] && [ "$(size "$3")" -ge "$SIZE" ] && break
		sleep 0.02
	done
}

exchange() {
	head -c $SIZE /dev/urandom > there
	head -c $SIZE /dev/urandom > back
	: > got_there
	: > got_back
	feed back got_there got_back |
		timeout 40 "$X" exec 1 -- "$proxy" -m server 0 data/vchan - > got_there &
	feed there got_there got_back |
		timeout 40 "$proxy" -m client 1 /local/domain/1/data/vchan - > got_back
	wait
	ok '1 MiB from domain 0 to domain 1' cmp there got_there
	ok '1 MiB from domain 1 to domain 0' cmp back got_back
}

killed() {
	local i client
	: > got
	mkfifo hold
	sleep 30 > hold &
	local holder=$!
	timeout 40 "$X" exec 1 -- "$proxy" -m server 0 data/second - < hold > got &
	local server=$!
	for i in $(seq 100); do
		xenstore-exists /local/domain/1/data/second/event-channel && break
		sleep 0.02
	done
	yes | "$proxy" -m client 1 /local/domain/1/data/second - > /dev/null &
	client=$!
	for i in $(seq 100); do
		[ "$(size got)" -gt 10000 ] && break
		sleep 0.02
	done
	ok 'a client streams' test "$(size got)" -gt 10000
	kill -KILL $client
	wait $server
	ok 'kill -9 of it: the server sees the end and exits' test $? -eq 0
	kill $holder
	wait 2> /dev/null
}

if [ "$1" = inside ]; then
	cd "$2" || exit 1
	exchange
	killed
	"$X" destroy 1
	for i in $(seq 100); do
		[ "$("$X" list | wc -l)" = 1 ] && break
		sleep 0.02
	done
	ok 'no zombie, no page left' test "$("$X" list | wc -l)" = 1
	echo "1..$n"
	exit 0
fi

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
# bash tells on stderr whom it saw killed
timeout 150 "$X" run -- sh -c "exec 2> '$T/err'; '$X' create 1 && exec bash '$0' inside '$T'"
