# SPDX-License-Identifier: LGPL-2.1-or-later
# kthread.pl CGROUP PROC PID PERMILLE
#
# A thread of the kernel that serves a guest without end, and the kernel's cgroups, in a
# made tree: it burns so much of a CPU, or what cpu.max of its cgroup says, and its clock is
# PROC/PID/schedstat.  A cgroup's files come when it is made, and go with its last thread,
# so that it can be removed.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime usleep CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID);

my ($cg, $proc, $pid, $permille) = @ARGV;
my $ours = "$cg/acctring-kernback";
my (%made, %was, $in, $seen, $emptied, $clock);

sub text { my $f = shift; open(my $h, '<', $f) or return ''; local $/; return <$h> // '' }
sub put { my ($f, $t) = @_; open(my $h, '>', $f) or return; print $h $t }

sub moved {	# who was written into cgroup.procs of the root came from elsewhere
	my $t = text("$cg/cgroup.procs");
	return if length($t) == $seen;
	$in = undef if substr($t, $seen) =~ /^$pid$/m;
	$seen = length($t);
}
sub control {	# "memory pids\n+cpu\n"
	my %on;
	my $t = text("$cg/cgroup.subtree_control");
	return unless $t =~ /[+-]/;
	for (split ' ', $t) { s/^\+// ? $on{$_} = 1 : s/^-// ? delete $on{$_} : ($on{$_} = 1) }
	put("$cg/cgroup.subtree_control", join(' ', sort keys %on) . "\n");
}
sub group {
	my $d = shift;
	if (!$made{$d}) {
		put("$d/cpu.max", "max 100000\n");
		put("$d/cgroup.procs", '');
		$made{$d} = 1;
	}
	put("$d/cpu.max", $1) if text("$d/cpu.max") =~ /\n(.*\n)\z/;
	if (text("$d/cgroup.procs") =~ /^$pid$/m && !$was{$d}) {
		$in = $d;
		$was{$d} = 1;
		put("$proc/$pid/cgroup", "0::" . substr($d, length $cg) . "\n");
	}
	if ($was{$d} && !defined $in) {
		unlink "$d/cpu.max", "$d/cgroup.procs";
		put("$proc/$pid/cgroup", "0::/\n");
	}
}
sub groups {
	my $now = clock_gettime(CLOCK_MONOTONIC);
	moved();
	control();
	my @vm = grep { -d } glob "$ours/vm-*";
	my %is = map { $_ => 1 } @vm;
	for (keys %made) { delete $made{$_}, delete $was{$_} unless $is{$_} || $_ eq $ours && -d $ours }
	group($_) for @vm;
	if (-d $ours && !$made{$ours}) { put("$ours/cgroup.subtree_control", ''); $made{$ours} = 1 }
	if (@vm) { $made{$ours} = 2 }
	elsif (($made{$ours} // 0) == 2) { unlink "$ours/cgroup.subtree_control"; $made{$ours} = 3; $emptied = $now }
	elsif (($made{$ours} // 0) == 3 && $now - $emptied > 0.3) { delete $made{$ours} }
}
sub quota {	# of a CPU
	my ($us, $of) = (defined $in ? text("$in/cpu.max") : '') =~ /(\d+) (\d+)\n\z/ or return $permille / 1000;
	return $us / $of < $permille / 1000 ? $us / $of : $permille / 1000;
}
$seen = length text("$cg/cgroup.procs");
open($clock, '+<', "$proc/$pid/schedstat") or die "$proc/$pid/schedstat: $!";
my ($left, $at, $burned) = (0, clock_gettime(CLOCK_MONOTONIC), clock_gettime(CLOCK_PROCESS_CPUTIME_ID));
while (1) {
	groups();
	my $now = clock_gettime(CLOCK_MONOTONIC);
	$left += quota() * ($now - $at);
	$left = $left > 0.1 ? 0.1 : $left < -0.005 ? -0.005 : $left;
	$at = $now;
	my $cpu = clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
	$left -= $cpu - $burned;
	$burned = $cpu;
	1 while clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $cpu < ($left < 0.005 ? $left : 0.005);
	sysseek($clock, 0, 0);
	syswrite($clock, sprintf("%d 0 0\n", 1e9 * clock_gettime(CLOCK_PROCESS_CPUTIME_ID)));
	usleep(4000);
}
