#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: bill.pl DIRECTORY
# Of what bill.sh left there: errors of attribution by basis and rule (docs/method.md, section 4), and the test by subsets.
use strict;
use warnings;
use List::Util qw(max min sum0);

my $dir = shift // die "usage: bill.pl DIRECTORY\n";
my @rules = ('thread', 'direct', 'pool', 'model', 'equal split', 'bytes', 'packets', 'thread clock', 'flat regression');
my (%error, %held, %half);

sub lines {
	my ($file) = @_;
	open(my $f, '<', $file) or die "$file: $!\n";
	my @l = <$f>;
	chomp @l;
	return @l;
}

# what a run burned for each VM, of the thread's clock; "VM ns" where each has a thread of its own
sub truth {
	my ($file, $direct) = @_;
	my ($cpu, $all, %unit) = (0, 0);
	for (lines($file)) {
		my @c = split /\t/;
		if ($direct) { $unit{ $c[0] } = $c[1]; $all += $c[1]; $cpu += $c[1]; next }
		$cpu += $c[0];
		for my $v (2 .. 4) { $unit{$v} += $c[ 7 + 6 * ($v - 2) ]; $all += $c[ 7 + 6 * ($v - 2) ] }
	}
	die "$file: nothing was burned\n" if !$all;
	return map { $_ => $cpu * $unit{$_} / $all } 2 .. 4;
}

sub note { # per cent of what the domain burned
	my ($load, $run, $rule, $charged, $true, $all) = @_;
	push @{ $error{$rule}{$load}{$run} }, 100 * abs($charged - $true) / $all;
}

# ---- T2: by the ledger, on the clocks of threads
my %ledger;
for (lines("$dir/bill-ledger.txt")) {
	my ($load, $seed, $what, $ns) = split / /;
	$ledger{$load}{$seed}{$what} = $ns;
}
for my $load (keys %ledger) {
	for my $seed (keys %{ $ledger{$load} }) {
		my %t = truth("$dir/bill-$load-$seed.rows", $load eq 'direct');
		my $l = $ledger{$load}{$seed};
		note($load, $seed, $load eq 'direct' ? 'direct' : 'thread', $l->{$_}, $t{$_}, $l->{measured}) for 2 .. 4;
	}
	next if $load eq 'direct';
	for (lines("$dir/bill-$load.judged")) {
		my ($run, $rule, $vm, $charged, $true, $half, $all) = split /\t/;
		note($load, $run, $rule, $charged, $true, $all);
		next if $rule ne 'model';
		push @{ $held{$load} }, abs($charged - $true) <= $half;
		push @{ $half{$load} }, 100 * $half / $all;
	}
}

sub at { my ($part, @x) = @_; @x = sort { $a <=> $b } @x; return $x[ min($#x, int($part * @x)) ] }

# 95 % of the p95 of runs that were drawn again
sub interval {
	my ($of) = @_;
	my @runs = values %$of;
	my @p = sort { $a <=> $b } map { at(0.95, map { @{ $runs[ rand @runs ] } } @runs) } 1 .. 1000;
	return @p[ 25, 974 ];
}

srand 1;
print "# error of a VM's bill, per cent of what the domain burned; a window is a run\n";
print "| basis or rule | load | median | p95 | of that 95 % | most | intervals that hold | their half width, mean |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n";
my @bound;
for my $rule (@rules) {
	my %of = %{ $error{$rule} // next };
	for my $load (grep { $of{$_} } qw(steady onoff tied sparse own direct)) {
		my @e = map { @$_ } values %{ $of{$load} };
		my $held = $rule eq 'model' ? 100 * sum0(@{ $held{$load} }) / @{ $held{$load} } : undef;
		printf "| %s | %s | %.2f | %.2f | %.2f..%.2f | %.2f | %s |\n", $rule, $load, at(0.5, @e), at(0.95, @e), interval($of{$load}), max(@e), defined $held ? sprintf('%.0f %% | %.2f', $held, sum0(@{ $half{$load} }) / @{ $half{$load} }) : ' | ';
		push @bound, sprintf '%s, %s: p95 %.2f, aim 1', $rule, $load, at(0.95, @e) if $rule =~ /^(thread|direct)$/ && at(0.95, @e) > 1;
		push @bound, sprintf 'model, %s: %.0f %% of intervals hold, aim 90', $load, $held if defined $held && $held < 90;
	}
}

# ---- T3
my %m;
for (lines("$dir/bill-subsets.txt")) {
	my ($vms, $what, $ns) = split / /;
	$m{$vms}{$what} = $ns;
}
my $idle = $m{0}{measured};
my %cost = (('' => 0), map { $_ => $m{$_}{measured} - $idle } grep { $_ } keys %m);
my $half = max(abs($cost{243} - $cost{234}), map { abs($m{243}{$_} - $m{234}{$_}) } 2 .. 4); # the same again
printf "\n# T3: bill of a VM beside what it costs alone, at the margin, and by Shapley; ms, domain less idle; the same again differs by %.0f\n", $half / 1e6;
print "| VM | marginal | bill | alone | Shapley |\n| --- | --- | --- | --- | --- |\n";
for my $v (2 .. 4) {
	my ($a, $b) = grep { $_ != $v } 2 .. 4;
	my $pair = sub { return join '', sort @_ };
	my $marginal = $cost{234} - $cost{ $pair->($a, $b) };
	my $shapley = $cost{$v} / 3 + ($cost{ $pair->($v, $a) } - $cost{$a}) / 6 + ($cost{ $pair->($v, $b) } - $cost{$b}) / 6 + $marginal / 3;
	my $bill = $m{234}{$v};
	printf "| %d | %.0f | %.0f | %.0f | %.0f |\n", $v, map { $_ / 1e6 } $marginal, $bill, $cost{$v}, $shapley;
	push @bound, "T3, VM $v: its bill is not between the two" if $bill < min($marginal, $cost{$v}) - $half || $bill > max($marginal, $cost{$v}) + $half;
}
print "\n", @bound ? map { "missed: $_\n" } @bound : "all aims are met\n";
