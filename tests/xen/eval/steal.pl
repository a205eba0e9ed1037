#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: steal.pl PID TAP >FILE
# Outside of the emulated machine, until QEMU (PID, or its child) ends or we are ended: how long its vCPU threads
# waited for a CPU of the machine below ("wait <now> <ns>", a sum), and when lines "# clock N" of dom0 came,
# which says what its clock is by ours ("clock N <now>").
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC usleep);

my ($pid, $tap) = @ARGV;
my $now = sub { int(clock_gettime(CLOCK_MONOTONIC) * 1e9) };
sub word { # the first, or the one asked for, of a file
	my ($file, $n) = @_;
	open(my $f, '<', $file) or return '';
	return (split ' ', <$f> // '')[ $n // 0 ] // '';
}
$| = 1;
my @thread;
for (my $try = 0; !@thread && $try < 100; $try++) {
	usleep(100000) if $try;
	open(my $f, '<', "/proc/$pid/task/$pid/children") or last;
	@thread = grep { word("$_/comm") eq 'CPU' } map { glob("/proc/$_/task/*") } $pid, split ' ', <$f> // '';
}
die "no vCPU threads of $pid\n" if !@thread;
open(my $lines, '<', $tap) or die "$tap: $!\n";
seek($lines, 0, 2);
my ($rest, $n) = ('', 0);

while (-d "/proc/$pid") {
	if ($n++ % 2 == 0) {
		my $wait = 0;
		$wait += word("$_/schedstat", 1) || 0 for @thread;
		printf "wait %d %d\n", $now->(), $wait;
	}
	seek($lines, 0, 1); # at the end it would stay there
	$rest .= do { local $/; <$lines> // '' };
	printf "clock %d %d\n", $1, $now->() while $rest =~ s/^.*?# clock (\d+)\r?\n//s;
	usleep(50000);
}
