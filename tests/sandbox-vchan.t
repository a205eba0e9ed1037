#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian's own libxenvchan, unmodified, in the sandbox: a server in an unprivileged
# domain and a client in domain 0 exchange 1 MiB each way; then the client again,
# killed with SIGKILL in mid-stream, which the server notices.

proxy=$(ls /usr/lib/xen-*/bin/vchan-socket-proxy 2> /dev/null | head -1)
if [ -z "$proxy" ]; then
	echo '1..0 # SKIP no vchan-socket-proxy (package xen-utils)'
	exit 0
fi
. "$(dirname "$0")/lib/sandbox.sh"
SIZE=1048576
cd "$tmp" || exit 1
exec 2> err # bash tells on stderr whom it saw killed

larger() { [ "$(stat -c %s "$1")" -gt "$2" ]; }

# Writes a file, then waits until the other direction has all of its own: the proxy
# drops what is under way when its input ends.
feed() {
	cat "$1"
	soon 10 larger "$2" $((SIZE - 1)) && soon 10 larger "$3" $((SIZE - 1))
}

"$xsb" create 1
head -c $SIZE /dev/urandom > there
head -c $SIZE /dev/urandom > back
: > got_there
: > got_back
feed back got_there got_back |
	timeout 40 "$xsb" exec 1 -- "$proxy" -m server 0 data/vchan - > got_there &
feed there got_there got_back |
	timeout 40 "$proxy" -m client 1 /local/domain/1/data/vchan - > got_back
wait
cmp there got_there
ok $? '1 MiB from domain 0 to domain 1'
cmp back got_back
ok $? '1 MiB from domain 1 to domain 0'

: > got
mkfifo hold
sleep 30 > hold &
holder=$!
timeout 40 "$xsb" exec 1 -- "$proxy" -m server 0 data/second - < hold > got &
server=$!
soon 2 xenstore-exists /local/domain/1/data/second/event-channel
yes | "$proxy" -m client 1 /local/domain/1/data/second - > /dev/null &
client=$!
soon 2 larger got 10000
ok $? 'a client streams'
kill -KILL $client
wait $server
ok $? 'kill -9 of it: the server sees the end and exits'
kill $holder
wait

"$xsb" destroy 1
alone() { [ "$("$xsb" list | wc -l)" = 1 ]; }
soon 2 alone
ok $? 'no zombie, no page left'
echo "1..$n"
