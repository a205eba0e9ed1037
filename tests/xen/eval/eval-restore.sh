# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # run, sched: lib.sh
# A VM with a cap, in debt all the time, is rebooted, saved and restored, and migrated to the
# same host, again and again.  libxl takes the lowered cap along each time: each time it must get what
# it had, and in the end all that was written is gone.
# limit: 3000
entitled=40 reboots=20 saves=5 migrations=5
cap() { cputime "$(domid web)" 2>/dev/null | cut -d ' ' -f 3; }
cap_is() { [ "$(cap)" = "$1" ]; }
lower() { [ "$(cap)" -lt $entitled ]; }

guest web - "cap=$entitled"
accounting dom0 dom0
echo 'max_debt_share = 100;' >>"$run/collector.conf"
kill -HUP "$(cat /tmp/collector.pid)"
renice -n -15 -p "$(cat /tmp/collector.pid)" >/dev/null
start_at dom0 blkback 'acctring-blkback --totals /tmp/vbd.tsv'
disk web dom0 64M
acctctl debt
uuid=$(uuid_of web)

owe() { # it reads, and spins
	io_start web
	in_guest web 10 '(while :; do :; done) >/dev/null 2>&1 & echo $! >/tmp/spin.pid'
	until_ok 30 lower || fail "$1: no debt: $(acctctl entitle; log_of dom0 collector)"
}
# born WHAT CAP: its domain is a new one, and the cap was lowered when the old one went
born() {
	is "$(uuid_of web)" "$uuid" "UUID after $1"
	# a kernel that goes on owes on: it rests, and has all again
	in_guest web 20 'kill $(cat /tmp/spin.pid /tmp/io.pid) 2>/dev/null; killall dd; :'
	until_ok 20 cap_is $entitled || fail "$1 with cap $2: it has $(cap), $(log_of dom0 collector)"
	is "$(acctctl entitle | awk -v d="$(domid web)" '$2 == d { print $6 }')" $entitled "entitled after $1"
}
connected() { state_is "/local/domain/0/backend/abd/$(domid web)/51712" 4; }
resume() { # it was made paused: a kernel that resumes looks once
	ts_vbd "$(domid web)" 0 51712 /tmp/disk-web w || fail "no disk"
	xl unpause web
	until_ok 40 connected || fail "its disk: $(log_of dom0 blkback)"
}
lowest=$entitled
seen() { # the cap in the moment before
	was=$(cap)
	[ "$was" -ge "$lowest" ] || lowest=$was
}

owe "first"
for n in $(seq $reboots); do
	seen
	reboot_guest web
	born "reboot $n" "$was"
	disk web dom0 64M
	owe "reboot $n"
done
diag "$reboots reboots in debt: each time $entitled again; lowest cap before one $lowest"
lowest=$entitled
for n in $(seq $saves); do
	seen
	xl save web "$PWD/image" || fail "save $n"
	xl restore -p "$PWD/image" || fail "restore $n"
	rm "$PWD/image"
	resume
	born "restore $n" "$was"
	owe "restore $n"
done
diag "$saves saves and restores: the same; lowest $lowest"
lowest=$entitled
for n in $(seq $migrations); do
	seen
	old=$(domid web)
	# the other side is a process here
	xl migrate -p -s '' web 'xl migrate-receive -p' || fail "migration $n"
	until_ok 20 has_new_domid web "$old" || fail "migration $n: the same domain"
	resume
	born "migration $n" "$was"
	owe "migration $n"
done
diag "$migrations migrations to this host: the same; lowest $lowest"
acctctl off
is "$(cap)" $entitled "acctctl off"
is "$(xl "sched-$sched" -d web | awk 'NR > 1 { print $NF }' | tail -n 1)" $entitled "the same by xl"
diag "$(grep -c 'was born with cap' /tmp/collector.log) times it was born with a cap that the collector had written"
stop_at dom0 collector || fail "the collector does not end"
clean_log
