#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# acctctl against an accountant that is a perl script with two snapshots,
# ten seconds of its clock apart; and in dom0 of a sandbox, against what a
# collector would have written.
# timeout: 90
. "$(dirname "$0")/lib/sandbox.sh"
ctl=$bin/acctctl
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT

serve() {	# serve FILE...: one for each connect, the last for ever
	[ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null; }
	rm -f "$tmp/sock"
	perl -MIO::Socket::UNIX -e '
		my $sock = shift;
		my @docs = map { local $/; open my $f, "<", $_ or die; <$f> } @ARGV;
		my $l = IO::Socket::UNIX->new(Local => $sock, Listen => 8) or die;
		while (my $c = $l->accept) {
			print $c $docs[0];
			shift @docs if @docs > 1;
		}' "$tmp/sock" "$@" &
	server=$!
	soon 5 test -S "$tmp/sock"
}
export ACCTRING_SOCKET=$tmp/sock

one=829c8f03-45d1-4157-960c-54f7153e645a
two=1b0bb74a-f3b8-4cb7-82c2-a0be81ed5508
net=11111111-2222-3333-4444-555555555555

# document T CHARGED_ONE UNITS_ONE BYTES_ONE MEASURED OWN RECORDS
document() {
	cat <<-JSON
	{"v":1,"t":$1,"domid":1,"incarnation":"00000000000000ab","later":{"unknown":[1]},
	"domains":[{"domid":1,"uuid":"$net","name":"net","measured_ns":$5,"charged_ns":$2,
	 "own_ns":$6,"unattributed_ns":-5000000,"refused_units":0,"refused_ns":0,"epochs_lost":2}],
	"vms":[{"uuid":"$one","domid":3,"name":"disk","backend":1,"charged_ns":$2,"sender_ns":77,"posted_ns":$2,
	  "direct_ns":100000000,"thread_ns":$(($2 - 700000000)),"pool_ns":400000000,"model_ns":200000000,
	  "low_ns":$(($2 - 600000000)),"high_ns":$(($2 + 50000000)),
	  "units":$3,"bytes":$4,"accounts":[{"kind":"vbd","device":51712,"class":"read","posts":5,
	  "units":$3,"bytes":$4,"posted_ns":$2}],"kinds":{"vbd":$2,"vif":0,"other":0}},
	 {"uuid":"$two","domid":4,"name":"","backend":1,"charged_ns":0,"posted_ns":0,"units":0,
	  "bytes":0,"accounts":[],"kinds":{"vbd":0,"vif":0,"other":0}}],
	"links":[{"backend":1,"slot":0,"epoch":"00000000000000ee","program":"blk\u001b[31mback\n",
	  "state":"attached","reason":"","records":$7,"spilled":7,"overflowed":0,"lanes":2,
	  "cpu_ns":123},
	 {"backend":1,"slot":1,"epoch":"00000000000000ef","program":"liar","state":"refused",
	  "reason":"bad record","records":0,"spilled":0,"overflowed":0,"lanes":1,"cpu_ns":0}]}
	JSON
}
document 1700000000.5 1000000000 1000 4096000 2000000000 500000000 1000 >"$tmp/a"
document 1700000010.5 6000000000 21000 86016000 9000000000 1500000000 31000 >"$tmp/b"

# -- ledger --
serve "$tmp/a" "$tmp/b"
out=$("$ctl" ledger)
is $? 0 "ledger"
like "$out" '^ +VM  DRIVER +TOTAL'$'\n''VM  +DOMID  CPU %   CPU %  SHARE %  +CPU  +REQ/S  +BYTES/S'$'\n' \
	"its head"
like "$out" $'\ndisk  +3  +-  +50.0  +71.4  +6.00 s  +2.00 k  +7.81 MiB' \
	"a VM: 50 % of a CPU, 71.4 % of the driver domain's, 2000 requests and 8 MB a second"
like "$out" $'\n'"$two  +4  +-  +0.0  +0.0" "a VM without a name goes by its UUID"
like "$out" $'\ndriver: own work  +1  +10.0  +14.3  +1.50 s' "own work"
like "$out" $'\ndriver: unattributed  +1  +0.0  +0.0  +-5.00 ms' "unattributed, which can be negative"
like "$out" $'\ndriver: total measured  +1  +70.0  +100.0  +9.00 s' "total measured"
like "$out" $'\n''percent of one CPU.*; TOTAL CPU since the account began$' "what the figures are of"
[[ $out != *$'\033'* ]]
ok $? "no colours in a pipe"
[[ $out != *"driver domains:"* ]]
ok $? "of one driver domain nothing more is said"
is "$(awk 'length > 100' <<<"$out")" "" "at most 100 columns"

serve "$tmp/a" "$tmp/b"
"$ctl" ledger --json | perl -MJSON::PP -e '
	my $d = decode_json(<STDIN>);
	my $v = $d->{vms}[0];
	exit !($d->{interval_s} == 10 && $v->{driver_cpu_percent} == 50 && $v->{units_per_s} == 2000
		&& abs($v->{driver_share_percent} - 500 / 7) < 1e-9 && $d->{source} eq "socket"
		&& $v->{charged_ns} == 6000000000 && !defined $v->{own_cpu_percent}
		&& $d->{domains}[0]{measured_percent} == 70
		&& $d->{domains}[0]{unattributed_ns} == -5000000)'
ok $? "ledger --json says the same"

# measured later than it was charged: 4 s of 6 s
document 1700000010.5 6000000000 21000 86016000 6000000000 500000000 31000 |
	sed 's/"unattributed_ns":-[0-9]*/"unattributed_ns":-1005000000/' >"$tmp/late"
serve "$tmp/a" "$tmp/late"
out=$("$ctl" ledger)
like "$out" $'\ndisk  +3  +-  +50.0  +100.0  ' "no share is above 100"
like "$out" $'\ndriver: unattributed  +1  +0.0  +0.0  +-1.00 s' "and no rate below 0"

serve "$tmp/b" "$tmp/a"	# goes back
like "$("$ctl" ledger)" $'\ndisk  +3  +-  +-  +-  +1.00 s  +-  +-' "no rates from sums that went back"

serve "$tmp/a" "$tmp/b"
timeout -s INT 2.5 "$ctl" ledger --watch 0.5 >"$tmp/out" 2>"$tmp/err"
is "$(cat "$tmp/err")" "" "ledger --watch until SIGINT: nothing on stderr"
[ "$(grep -c '^VM ' "$tmp/out")" -ge 3 ]
ok $? "prints the table again and again"
serve "$tmp/a" "$tmp/b"
"$ctl" ledger --watch=0.2 >/dev/null 2>"$tmp/err" &
watcher=$!
sleep 1
kill -INT "$watcher"
wait "$watcher"
is $? 0 "and SIGINT ends it with 0"

# an accountant that restarts
serve "$tmp/a" "$tmp/b"
rm -f "$tmp/out" "$tmp/err"
"$ctl" ledger --watch=0.1 >"$tmp/out" 2>"$tmp/err" &
watcher=$!
soon 5 test -s "$tmp/out"
kill "$server"
wait "$server" 2>/dev/null
server=
soon 5 test -s "$tmp/err"
sleep 0.5	# several looks
is "$(cat "$tmp/err")" "acctctl: waiting for the accountant" "--watch says once that it waits"
tables=$(grep -c '^VM ' "$tmp/out")
serve "$tmp/a" "$tmp/b"
more() { [ "$(grep -c '^VM ' "$tmp/out")" -gt "$tables" ]; }
[ "$tables" -ge 1 ] && soon 5 more
ok $? "and goes on when it answers again"
printf '{"v":2}' >"$tmp/bad"
serve "$tmp/bad"
wait "$watcher"
is $? 1 "an answer that stays wrong ends it with 1"
like "$(tail -n 1 "$tmp/err")" '^acctctl: the accountant.s answer: document.v is missing or wrong' "and says why"
is "$("$ctl" ledger --watch=abc 2>&1)" \
	'acctctl: ledger: --watch: "abc" is not a number, allowed: 0.1..3600 seconds' "--watch=abc"

# -- on what it rests --
serve "$tmp/b"
out=$("$ctl" ledger --basis)
is $? 0 "ledger --basis"
like "$out" '^ +TOTAL  DIRECT  THREAD  +POOL  MODEL  +AT  +AT'$'\n''VM  +DOMID  +CPU  +%  +%  +%  +%  LEAST  +MOST'$'\n' "its head"
like "$out" $'\ndisk  +3  +6.00 s  +1.7  +88.3  +6.7  +3.3  +90.0  100.8\n' \
	"a VM: the four parts, at least and at most"
like "$out" $'\n'"$two  +4  +0.00 s  +-  +-  +-  +-  +-  +-"$'\n' "an accountant that does not say"
is "$(awk 'length > 100' <<<"$out")" "" "at most 100 columns"
serve "$tmp/a" "$tmp/b"
"$ctl" ledger --json | perl -MJSON::PP -e '
	my ($v, $w) = @{decode_json(<STDIN>)->{vms}};
	exit !($v->{direct_ns} + $v->{thread_ns} + $v->{pool_ns} + $v->{model_ns} == $v->{charged_ns}
		&& $v->{low_ns} == 5400000000 && $v->{high_ns} == 6050000000
		&& exists $w->{low_ns} && !defined $w->{low_ns} && !defined $w->{model_ns})'
ok $? "ledger --json has them"
is "$("$ctl" status --basis 2>&1)" \
	"acctctl: status: --basis: unknown option, allowed: --json --socket --from --verbose --help" \
	"status --basis"

# -- status --
serve "$tmp/a" "$tmp/b"
out=$("$ctl" status)
is $? 0 "status"
like "$out" 'blk\?\[31mback\?  +1  +0  00000000000000ee  attached  +3.00 k  +31.0 k  +7  +0  +2' \
	"a link with its rate; its name cannot talk to the terminal"
like "$out" 'liar .* refused .* bad record' "a quarantined link with the reason"
like "$out" $'\nnet  +1  +9.00 s  +6.00 s  +1.50 s  +-5.00 ms  +0  +2  +0.00 s' "the driver domain"
serve "$tmp/a" "$tmp/b"
"$ctl" status --json | perl -MJSON::PP -e '
	my $d = decode_json(<STDIN>);
	exit !($d->{links}[0]{records_per_s} == 3000 && $d->{links}[1]{reason} eq "bad record")'
ok $? "status --json says the same"

# -- dump --
serve "$tmp/b"
is "$("$ctl" dump)" "#uuid	domid	name	backend	charged_ns	posted_ns	units	bytes	vbd_ns	vif_ns	other_ns	sender_ns	direct_ns	thread_ns	pool_ns	model_ns	low_ns	high_ns
$one	3	disk	1	6000000000	6000000000	21000	86016000	6000000000	0	0	77	100000000	5300000000	400000000	200000000	5400000000	6050000000
$two	4		1	0	0	0	0	0	0	0	0	-	-	-	-	-	-" "dump"
is "$("$ctl" dump accounts)" "#uuid	domid	name	backend	kind	device	class	posts	units	bytes	posted_ns
$one	3	disk	1	vbd	51712	read	5	21000	86016000	6000000000" "dump accounts"
is "$("$ctl" dump links | tail -n 1)" "1	1	00000000000000ef	liar	refused	0	0	0	1	0	bad record" \
	"dump links"
is "$("$ctl" dump domains --socket "$tmp/sock" | tail -n 1)" \
	"$net	1	net	9000000000	6000000000	1500000000	-5000000	0	0	2	1	1	1700000010.500" \
	"dump domains"

# -- answers that are none --
bad() {	# bad DOCUMENT STATUS TEXT NAME
	printf '%s' "$1" >"$tmp/bad"
	serve "$tmp/bad"
	out=$("$ctl" dump 2>&1)
	is $? "$2" "$4: exit status"
	is "$out" "acctctl: $3" "$4"
}
bad '{"v":1' 1 "the accountant's answer: line 1: '}' expected near end of file, allowed: JSON" \
	"half a document"
bad '{"v":2}' 1 "the accountant's answer: document.v is missing or wrong, allowed: 1: this acctctl and that acctringd do not fit together" \
	"another version"
bad "$(sed 's/"units":21000/"units":"x"/' "$tmp/b")" 1 \
	"the accountant's answer: vms.units is missing or wrong, allowed: an integer" \
	"a word for a number"
bad '' 4 "$tmp/sock: no accountant answers: it closed without a word; start acctringd in this domain, or name its socket with --socket or ACCTRING_SOCKET" \
	"no answer"
kill "$server"
wait "$server" 2>/dev/null
server=
out=$("$ctl" status 2>&1)
is $? 4 "without an accountant: exit status 4"
like "$out" "^acctctl: $tmp/sock: no accountant answers: Connection refused; start acctringd" \
	"and one line that says what to do"

# -- from the store --
unset ACCTRING_SOCKET
root=/tool/acctring/domain
neither='^acctctl: no accountant answers at /run/acctring/acctringd.sock, and /tool/acctring/domain in xenstore tells nothing: start acctringd in this domain; or, in dom0, acctring-collector'
out=$("$ctl" ledger 2>&1)
is $? 4 "neither socket nor store: exit status 4"
like "$out" "$neither" "and one line that says what to start"
is "$(wc -l <<<"$out")" 1 "only one"
out=$("$ctl" status --from store 2>&1)
is $? 4 "the store alone, empty: exit status 4"
like "$out" '^acctctl: xenstore: /tool/acctring/domain: nothing is there; .*acctring-collector' \
	"and what is missing"

# about B T_NS MEASURED CHARGED OWN UNATTRIBUTED: a line about a driver domain
about() {
	echo "v=1 t=$((now + $2 / 1000000000)) uuid=$net name=net$1 accountant=2 links=3" \
		"measured_ns=$3 charged_ns=$4 own_ns=$5 unattributed_ns=$6 refused_units=9" \
		"epochs_lost=2 t_ns=$2 period_ms=2000 ledger=00000000000000ab later=word"
}
vm() {	# vm DOMID NAME NS UNITS BYTES
	echo "v=1 domid=$1 name=$2 charged_ns=$3 posted_ns=$3 units=$4 bytes=$5 vbd_ns=$3" \
		"vif_ns=0 other_ns=0"
}
now=$(($(date +%s) + 60))	# so far ahead that it is not old on a slow machine
s=000000000
first=("$root/1" "$(about 1 0 2$s 1$s 500000000 -5000000)"
	"$root/1/$one" "$(vm 3 disk 1$s 1000 4096000)")
second=("$root/1" "$(about 1 5$s 9$s 6$s 1500000000 -5000000)"
	"$root/1/$one" "$(vm 3 disk 6$s 21000 44650000)")
third=("$root/1" "$(about 1 7$s 10$s 6$s 1500000000 -5000000)")
later() {	# later SECONDS NODE VALUE...: in one transaction, as the collector
	sleep "$1"
	xenstore-write "${@:2}"
}
xenstore-write "${first[@]}"
is "$("$ctl" dump)" "#uuid	domid	name	backend	charged_ns	posted_ns	units	bytes	vbd_ns	vif_ns	other_ns	sender_ns	direct_ns	thread_ns	pool_ns	model_ns	low_ns	high_ns
$one	3	disk	1	1$s	1$s	1000	4096000	1$s	0	0	-	-	-	-	-	-	-" "dump from the store"
is "$("$ctl" dump domains | tail -n 1)" \
	"$net	1	net1	2$s	1$s	500000000	-5000000	9	-	2	2	3	$now.000" "dump domains"
out=$("$ctl" dump links 2>&1)
is $? 4 "dump links: exit status 4"
is "$out" "acctctl: dump: links: xenstore does not tell, allowed: ledger, domains; all else in the domain of the accountant: 2" \
	"and where to ask"
is "$("$ctl" dump -v 2>&1 >/dev/null | tail -n 1)" "acctctl: from xenstore: $root" "-v says where from"
is "$("$ctl" dump 2>&1 >/dev/null)" "" "without it nothing is said"
out=$("$ctl" status)
is $? 0 "status from the store"
like "$out" $'\nnet1  +1  +2.00 s  +1.00 s  +500.00 ms  +-5.00 ms  +9  +2  +2  +3  +[0-9]+ s\n' \
	"the driver domain, its accountant, links and age"
like "$out" 'acctctl status, in the domain of the accountant' "and where links are listed"

xenstore-write "$root/1/$one" "$(vm 3 disk 1$s 1000 4096000) shared_ns=300000000"
is "$("$ctl" dump | tail -n 1 | cut -f 13-)" "-	-	-	-	700000000	-" "of the store: what it is at least"
xenstore-write "$root/1/$one" "$(vm 3 disk 1$s 1000 4096000) shared_ns=1000000001"
is "$("$ctl" dump | tail -n 1 | cut -f 17)" "-" "which is believed if it can be"
like "$("$ctl" ledger --basis)" $'\ndisk  +3  +1.00 s  +-  +-  +-  +-  +-  +-\n' "ledger --basis from the store"
later 1 "${second[@]}" &
out=$("$ctl" ledger 2>"$tmp/err")
is $?/"$(cat "$tmp/err")" 0/ "ledger waits for the next figures"
like "$out" $'\ndisk  +3  +-  +100.0  +71.4  +6.00 s  +4.00 k' \
	"rates are by the nodes' own time: 5 s of CPU in 5 s, though 1 s passed here"
like "$out" $'\ndriver: total measured  +1  +140.0  +100.0  +9.00 s' "so are those of the driver domain"
wait $!
out=$("$ctl" ledger 2>"$tmp/err")
like "$out" $'\ndisk  +3  +-  +-  +-  +6.00 s  +-  +-' "nothing new comes: sums, no rates"
is "$(cat "$tmp/err")" "acctctl: nothing new from the collector: no rates; try --watch" "which is said"

xenstore-write "${first[@]}"
{ later 0.7 "${second[@]}"; later 0.7 "${third[@]}"; } &
timeout -s INT 4 "$ctl" ledger --json --watch 0.1 >"$tmp/out"
wait $!
is "$(perl -MJSON::PP -ne '
	my $d = decode_json($_);
	print "$d->{source} $d->{interval_s} $d->{vms}[0]{driver_cpu_percent} ",
		"$d->{domains}[0]{measured_percent} "' "$tmp/out")" \
	"store 5 100 140 store 2 0 50 " "--watch: a document for each time that figures are new"

# two driver domains, each with times of its own; the second one's stand still
xenstore-write "${first[@]}" $root/7 "$(about 7 3$s 2$s 1$s 0 0)" "$root/7/$one" \
	"$(vm 3 disk 1$s 10 10)" "$root/7/$two" "$(vm 4 '' 1$s 10 10)"
later 0.7 "${second[@]}" &
out=$("$ctl" ledger)
wait $!
like "$out" $'\ndisk  +3  +-  +100.0  +71.4  +7.00 s' "two driver domains: sums of both, rates of one"
like "$out" $'\n'"$two  +4  +-  +-  +-  +1.00 s" "no rates where nothing is new"
like "$out" $'\nnet1: total measured  +1  +140.0' "each has its rows"
like "$out" $'\nnet7: total measured  +7  +-  +-  +2.00 s' "also the one that stands still"
like "$out" $'\ndriver domains: net1 \\(1\\), net7 \\(7\\); one alone: --driver DOMAIN$' "and which there are, and how to see one"
xenstore-write "${first[@]}"
later 0.7 "${second[@]}" &
out=$("$ctl" ledger --driver net1)
wait $!
like "$out" $'\ndisk  +3  +-  +100.0  +71.4  +6.00 s' "--driver NAME: what a VM costs there"
[[ $out != *"$two"* && $out != *net7* && $out == *$'\ndriver: total measured '*1*140.0* ]]
ok $? "and nothing of the other"
later 0.7 $root/7 "$(about 7 5$s 4$s 2$s 0 0)" "$root/7/$two" "$(vm 4 '' 2$s 30 10)" &
out=$("$ctl" ledger --driver 7)
wait $!
like "$out" $'\n'"$two  +4  +-  +50.0  +50.0  +2.00 s"$'.*\ndisk  +3  +-  +0.0  +0.0  +1.00 s' \
	"--driver DOMID: who burns it comes first"
out=$("$ctl" ledger --driver net 2>&1)
is "$? $out" "4 acctctl: --driver net: no such driver domain, allowed: 1 (net1), 7 (net7)" \
	"--driver of none: which there are"
out=$("$ctl" status --driver 1 2>&1)
like "$? $out" '^2 acctctl: status: --driver: unknown option' "only of ledger"
now=$((now - 160))
xenstore-write $root/7 "$(about 7 4$s 2$s 1$s 0 0)"
like "$("$ctl" dump 2>&1 >/dev/null)" \
	'^acctctl: domain 7 \(net7\): these figures are 1[0-9][0-9] s old: its accountant, in domain 2, or acctring-collector says nothing new$' \
	"old figures are told"
xenstore-rm $root/7
now=$((now + 160))

# nodes that nobody understands
bad_nodes() {
	local about vm
	about=$(about 1 0 2$s 1$s 1$s 0) vm=$(vm 3 disk 1$s 1 1)
	printf '%s\n%s\n' \
		"$root/x" "$about" \
		"$root/01" "$about" \
		"$root/99999" "$about" \
		"$root/-1" "$about" \
		"$root/8" "" \
		"$root/9" "${about/v=1/v=2}" \
		"$root/10" "${about/measured_ns=/measured_ns=-}" \
		"$root/11" "${about/uuid=/uuid=x}" \
		"$root/12" "${about/own_ns=1/own_ns=99999999999999999999}" \
		"$root/13" "${about/links=3/}" \
		"$root/14" "${about/unattributed_ns=/unattributed_ns=--}" \
		"$root/15" "$(head -c 1500 /dev/zero | tr '\0' =)" \
		"$root/16/$one" "$vm" \
		"$root/1/not-a-uuid" "$vm" \
		"$root/1/${one^^}" "$vm" \
		"$root/1/$two" "${vm/units=1/units=18446744073709551615}" \
		"$root/1/$net" "charged_ns=1"
}
mapfile -t bad < <(bad_nodes)
xenstore-write "${first[@]}" "${bad[@]}"
out=$("$ctl" dump 2>"$tmp/err")
is $? 0 "garbled nodes: exit status 0"
is "$(tail -n +2 <<<"$out")" "$one	3	disk	1	1$s	1$s	1000	4096000	1$s	0	0	-	-	-	-	-	-	-" "what is right is shown, and only that"
is "$(grep -c ': left out: not understood, allowed: <' "$tmp/err")" 17 "each of the others is told"
is "$(wc -l <"$tmp/err")" 17 "once"
is "$("$ctl" dump domains 2>/dev/null | tail -n +2 | cut -f 2)" 1 "also of driver domains"
for i in "${!bad[@]}"; do
	[ $((i % 2)) = 1 ] || xenstore-rm "${bad[i]}"
done
xenstore-rm $root/16
later 0.2 "$root/1" "$(about $'1\e[31m\x01' 5$s 9223372036854775807 9223372036854775807 0 -9223372036854775807)" \
	"$root/1/$one" "$(vm 3 $'\e[2J' 9223372036854775807 9223372036854775807 9223372036854775807)" &
out=$("$ctl" ledger 2>&1)
is $? 0 "the largest figures that there are"
wait $!
[[ $out != *[$'\e\x01']* && $out == *$'\n?[2J '* ]]
ok $? "names cannot talk to the terminal"
xenstore-write "${first[@]}"

# an accountant at the default socket, and the store
printf '{"v":1,"t":1700000000.5,"domid":1,"incarnation":"00000000000000ab","domains":[],"vms":[],"links":[]}' \
	>"$tmp/none"
in_run() {	# in_run COMMAND...: where /run/acctring/acctringd.sock is $tmp/sock
	unshare -rm sh -c 'mount -t tmpfs none /run && mkdir /run/acctring &&
		ln -s "$0" /run/acctring/acctringd.sock && exec "$@"' "$tmp/sock" "$@"
}
if in_run true 2>/dev/null && [[ $XENSTORED_PATH != /run/* && $tmp != /run/* ]]; then
	serve "$tmp/b"
	is "$(in_run "$ctl" dump 2>&1 >/dev/null)" "" "an accountant that knows all driver domains: nothing is said"
	xenstore-write $root/7 "$(about 7 3$s 2$s 1$s 0 0)" "$root/7/$one" "$(vm 3 disk 1$s 10 10)"
	out=$(in_run "$ctl" ledger 2>"$tmp/err")
	is "$?/$(cat "$tmp/err")" "0/acctctl: this is the accountant of domain 1 alone, allowed: --from store, for all driver domains" \
		"one that does not: once"
	out=$(in_run "$ctl" ledger --driver net7 2>/dev/null)
	like "$out" $'\ndisk  +3  .*\ndriver: total measured  +7 ' "--driver takes from the store what the socket has not"
	out=$(in_run "$ctl" ledger --driver none 2>&1)
	is "$? $out" "4 acctctl: --driver none: no such driver domain, allowed: 1 (net1), 7 (net7)" "what neither has"
	xenstore-rm $root/7
fi
serve "$tmp/none"
out=$("$ctl" ledger --socket "$tmp/sock" 2>"$tmp/err")
is "$?/$(cat "$tmp/err")" "0/acctctl: dom0 names no driver domain for this accountant, allowed: drivers in /etc/acctring/collector.conf there, and acctring-collector" \
	"an accountant whom dom0 names for nobody: what is missing"

# who may choose, and who may read
serve "$tmp/a"
like "$("$ctl" dump --socket "$tmp/sock" -v 2>&1 | head -n 1)" "^acctctl: from the accountant: $tmp/sock" \
	"a socket that is named comes first"
is "$("$ctl" dump domains --from store | tail -n 1 | cut -f 11)" 2 "--from store"
like "$("$ctl" dump --from socket 2>&1)" 'acctringd.sock: no accountant answers' "--from socket looks nowhere else"
kill "$server"
wait "$server" 2>/dev/null
server=
like "$(ACCTRING_SOCKET=$tmp/sock "$ctl" dump 2>&1)" "^acctctl: $tmp/sock: no accountant answers" \
	"nor does who names a socket"
out=$("$ctl" dump --from disk 2>&1)
is "$? $out" '2 acctctl: dump: --from: "disk" is unknown, allowed: socket, store' "--from another"
out=$("$ctl" dump --from store --socket x 2>&1)
is "$? $out" '2 acctctl: dump: --socket with --from store, allowed: one of them' "--from store and a socket"
"$BUILD/bin/xsandbox" create 5 --name guest
out=$("$BUILD/bin/xsandbox" exec 5 -- "$ctl" dump --from store 2>&1)
is $? 4 "in another domain: exit status 4"
like "$out" 'Permission denied; this is for dom0' "and why"

# -- help, completion --
is "$("$ctl" --list-commands | tr '\n' ' ')" "ledger status dump limit share attach detach observe guard debt off entitle hold restore completion help " \
	"--list-commands"
fail=0
for c in $("$ctl" --list-commands); do
	[[ $("$ctl" help "$c") == "Usage: acctctl $c"* ]] || fail=1
done
is $fail 0 "help for each command"
like "$("$ctl" --version)" '^acctctl [0-9]+\.[0-9]+' "--version"
PATH=$BUILD/bin:$PATH
eval "$("$ctl" completion)"
COMP_WORDS=(acctctl st) COMP_CWORD=1
_acctctl
is "${COMPREPLY[*]}" status "completion of a command"
COMP_WORDS=(acctctl ledger --w) COMP_CWORD=2
_acctctl
is "${COMPREPLY[*]}" --watch "completion of an option"
COMP_WORDS=(acctctl ledger --d) COMP_CWORD=2
_acctctl
is "${COMPREPLY[*]}" --driver "and of another"
if command -v script >/dev/null; then
	export ctl
	serve "$tmp/a" "$tmp/b"
	[[ $(unset NO_COLOR; script -qec '"$ctl" ledger' /dev/null) == *$'\033[1m'* ]]
	ok $? "colours on a terminal"
	serve "$tmp/a" "$tmp/b"
	[[ $(NO_COLOR=1 script -qec '"$ctl" ledger' /dev/null) != *$'\033'* ]]
	ok $? "NO_COLOR: none"
fi
echo "1..$n"
