#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: figures.pl TSV...
#        figures.pl --step TSV
# The figures of docs/method.md, section 4, from what eval-debt.sh, eval-weights.sh and eval-attack.sh sampled: tables, a line a load.
# TSV: of lib-eval.sh, "phase now own driver cap dom0 others...",
# sums in ns, and lines "#key ...".
use strict;
use warnings;
use List::Util qw(max min sum0);

my %bound = (error => 0.5, settled => 3, ripple => 2, pause => 50, weights => 3, alone => 1, split => 2);

# ---- samples of a phase: time in s from its first; own, driver less idle, in s of CPU
sub read_tsv {
	my ($file) = @_;
	my (%is, %row);
	open(my $f, '<', $file) or die "$file: $!\n";
	while (<$f>) {
		chomp;
		if (/^#pause (\S+) (\d*)/) { $is{pause}{$1} = $2 / 1e6 if length $2 }
		elsif (/^#ledger (\S+) (\d+) (-?\d+)/) { $is{ledger}{$1} = $3 > 0 ? 100 * $2 / $3 : 0 }
		elsif (/^#done (\S+) (\d*) (\d*)/) { $is{done}{$1} = $2 / $3 if length $2 && $3 }
		elsif (/^#(\w+) (.*)/) { $is{$1} = $2 }
		else {
			my ($p, @v) = split /\t/;
			push @{ $row{$p} }, \@v;
		}
	}
	die "$file: idle was not sampled\n" if @{ $row{idle} // [] } < 2;
	# where other VMs are busy, what is burned idle beside them
	my ($a, $b) = @{ @{ $row{'idle-busy'} // [] } >= 2 ? $row{'idle-busy'} : $row{idle} }[0, -1];
	$is{idle} = ($b->[2] - $a->[2]) / ($b->[0] - $a->[0]);
	for my $p ($is{attack} ? qw(one two bursts) : $is{weights} ? qw(none debt) : qw(none debt static)) {
		die "$file: no samples of '$p'\n" if @{ $row{$p} // [] } < 2;
		my $at = $row{$p}[0];
		$is{phase}{$p} = [ map {
			my $r = $_;
			+{
				t => ($r->[0] - $at->[0]) / 1e9,
				own => ($r->[1] - $at->[1]) / 1e9,
				driver => ($r->[2] - $at->[2] - $is{idle} * ($r->[0] - $at->[0])) / 1e9,
				map { ((qw(dom0 two four))[$_] => ($r->[ $_ + 4 ] - $at->[ $_ + 4 ]) / 1e9) } 0 .. $#$r - 4,
			}
		} @{ $row{$p} } ];
	}
	return \%is;
}

# rate(a, b, what...): per cent of a CPU between two samples
sub rate {
	my ($a, $b, @what) = @_;
	return 100 * sum0(map { $b->{$_} - $a->{$_} } @what) / ($b->{t} - $a->{t});
}

# pairs of samples that are `width` seconds apart, or the least that is more
sub windows {
	my ($s, $width, $from) = @_;
	my ($j, @w) = (0);
	for my $i (0 .. $#$s) {
		$j++ while $s->[$j + 1]{t} <= $s->[$i]{t} - $width + 1e-4 && $j + 1 < $i;
		next if $s->[$j]{t} > $s->[$i]{t} - $width + 1e-4 || $s->[$j]{t} < $from;
		push @w, [ $s->[$j], $s->[$i] ];
	}
	return @w;
}

# when the load began: what is used in 0.1 s, and in the second from there on, is more than half of E
sub began {
	my ($s, $e) = @_;
	for my $i (0 .. $#$s - 1) {
		my ($k) = grep { $s->[$_]{t} >= $s->[$i]{t} + 1 } $i + 1 .. $#$s;
		last if !defined $k;
		return $s->[$i]{t} if rate(@$s[$i, $i + 1], qw(own driver)) > $e / 2 && rate(@$s[$i, $k], qw(own driver)) > $e / 2;
	}
	return undef;
}

# samples up to the load's end, after which nothing is used
sub until_ended {
	my ($s, $e) = @_;
	my $i = $#$s;
	$i-- while $i > 1 && rate(@$s[$i - 1, $i], qw(own driver)) <= $e / 2;
	return $i == $#$s ? $s : [ @$s[0 .. $i - 1] ];
}

# of a phase, in windows of 10 s and of 1 s: by how much it is off `about`, least and most, and how many of a hundred are within 2
sub spread {
	my ($s, $about, $from) = @_;
	my @ten = map { rate(@$_, qw(own driver)) - $about } windows($s, 10, $from);
	my @one = map { rate(@$_, qw(own driver)) - $about } windows($s, 1, $from);
	return (@ten ? sprintf('%+.2f..%+.2f', min(@ten), max(@ten)) : '-', @one ? 100 * (grep { abs($_) <= 2 } @one) / @one : 0);
}

sub deviation {
	my $n = @_ or return 0;
	my $mean = sum0(@_) / $n;
	return sqrt(sum0(map { ($_ - $mean)**2 } @_) / $n);
}

# the earliest time after which no second is off by more than 2 points
sub settled {
	my ($e, $began, @w) = @_;
	my $at = 0;
	for (@w) {
		$at = $_->[1]{t} - $began if abs(rate(@$_, qw(own driver)) - $e) > 2;
	}
	return $at;
}

sub look {
	my ($is) = @_;
	my $e = $is->{entitled};
	my %f;
	for my $p (qw(none debt static)) {
		my $s = $is->{phase}{$p};
		$f{began}{$p} = began($s, $e) // die "$is->{load}, $p: no load is seen\n";
		$s = $is->{phase}{$p} = until_ended($s, $e);
		my $from = $f{began}{$p} + 10;
		my ($first) = grep { $_->{t} >= $from } @$s;
		die "$is->{load}, $p: shorter than 10 s\n" if !$first || $first == $s->[-1];
		$f{$_}{$p} = rate($first, $s->[-1], $_) for qw(own driver dom0);
		$f{ripple}{$p} = deviation(map { rate(@$_, 'own') } windows($s, 0.1, $from));
	}
	my $s = $is->{phase}{debt};
	my @w = windows($s, 10, $f{began}{debt} + 10);
	die "$is->{load}: no window of 10 s\n" if !@w;
	my @off = map { rate(@$_, qw(own driver)) - $e } @w;
	$f{error} = max(map { abs } @off);
	$f{least} = min(@off);
	$f{most} = max(@off);
	my @second = grep { $_->[0]{t} >= $f{began}{debt} } windows($s, 1, 0);
	$f{settled} = settled($e, $f{began}{debt}, @second);
	$f{seconds} = @second ? 100 * (grep { abs(rate(@$_, qw(own driver)) - $e) <= 2 && $_->[0]{t} >= $f{began}{debt} + 3 } @second) / max(1, scalar grep { $_->[0]{t} >= $f{began}{debt} + 3 } @second) : 0;
	$f{pause} = max(0, ($is->{pause}{debt} // 0) - ($is->{pause}{static} // 0));
	$f{ledger} = $is->{ledger}{debt} // 0;
	# what a cap that stays does here, about its own mean
	@{ $f{static} } = spread($is->{phase}{static}, $f{own}{static} + $f{driver}{static}, $f{began}{static} + 10);
	return \%f;
}

sub verdict { return @_ ? 'missed: ' . join(', ', @_) : 'held' }

# how far sums are from the weights, per cent
sub apart {
	my ($is, @sum) = @_;
	my @weight = split ' ', $is->{weights};
	my @each = map { $sum[$_] / $weight[$_] } 0 .. 2;
	return 100 * (max(@each) / max(1e-9, min(@each)) - 1);
}

# of uncapped VMs: how far their sums are from their weights, over 30 s from 30 s on
sub weigh {
	my ($is, $p) = @_;
	my ($from) = grep { $_->{t} >= 31 } @{ $is->{phase}{$p} };
	my $to = $is->{phase}{$p}[-1];
	die "$is->{load}, $p: shorter than 60 s\n" if !$from || $to->{t} < 60;
	my %f = (sums => [ rate($from, $to, qw(own driver)), rate($from, $to, 'two'), rate($from, $to, 'four') ]);
	$f{off} = apart($is, @{ $f{sums} });
	$f{own} = rate($from, $to, 'own');
	$f{dom0} = rate($from, $to, 'dom0');
	return \%f;
}

sub print_weights {
	my ($is) = @_;
	my ($none, $debt) = map { weigh($is, $_) } qw(none debt);
	# as billed, which is what the law evens out
	my @bill = ($debt->{own} + ($debt->{sums}[0] - $debt->{own}) * ($is->{ledger}{debt} // 0) / 100, @{ $debt->{sums} }[1, 2]);
	my $alone = $is->{done}{alone} ? 100 * (($is->{done}{'alone-debt'} // 0) / $is->{done}{alone} - 1) : 0;
	my @missed = ($debt->{off} > $bound{weights} ? 'weights' : (), abs($alone) > $bound{alone} ? 'alone' : ());
	printf "| %s %s | %.2f | %.1f : %.1f : %.1f | %.1f : %.1f : %.1f | %.1f %%, %.1f %%, %.1f %% | %+.1f %% | %.0f %% | %.0f %% | %s |\n",
		$is->{load}, $is->{scheduler}, ($debt->{sums}[0] - $debt->{own}) / max(0.01, $debt->{own}), @{ $none->{sums} }, @{ $debt->{sums} },
		$none->{off}, $debt->{off}, apart($is, @bill), $alone, $is->{ledger}{debt} // 0, $debt->{dom0}, verdict(@missed);
}

# from 10 s after the load's beginning, a second after the samples': the sum of both VMs and their driver domain
sub attacked {
	my ($is, $p) = @_;
	my $s = $is->{phase}{$p};
	my ($from) = grep { $_->{t} >= 11 } @$s;
	die "attack, $p: shorter than 20 s\n" if !$from || $s->[-1]{t} < 20;
	return rate($from, $s->[-1], qw(own driver two));
}

sub print_attack {
	my ($is) = @_;
	my %f = map { $_ => attacked($is, $_) } qw(one two bursts);
	my $e = $is->{attack};
	my $split = 100 * ($f{two} / $f{one} - 1);
	printf "| %s | %.1f (%+.1f %%) | %.1f (%+.1f %%) | %+.1f %% | %.1f (%+.1f %%) | %s |\n", $is->{scheduler},
		(map { ($f{$_}, 100 * ($f{$_} / $e - 1)) } qw(one two)), $split, $f{bursts}, 100 * ($f{bursts} / ($e / 2) - 1),
		verdict(abs($split) > $bound{split} ? 'split' : ());
}

sub print_debt {
	my ($is) = @_;
	my $f = look($is);
	my @missed = grep { $f->{$_} > $bound{$_} } qw(error settled pause);
	push @missed, 'ripple' if $f->{ripple}{debt} > $bound{ripple} && $is->{scheduler} ne 'credit';
	printf "| %s %s | %.2f | %.1f + %.1f = %.1f | %.1f + %.1f = %.2f | %+.2f..%+.2f, %s | %.1f (%.0f %%, %.0f %%) | %.1f, %.1f | %.0f, %.0f | %.0f %% | %.0f %% | %s |\n",
		$is->{load}, $is->{scheduler}, $f->{driver}{debt} / max(0.01, $f->{own}{debt}),
		(map { ($f->{own}{$_}, $f->{driver}{$_}, $f->{own}{$_} + $f->{driver}{$_}) } qw(none debt)),
		$f->{least}, $f->{most}, $f->{static}[0], $f->{settled}, $f->{seconds}, $f->{static}[1], $f->{ripple}{debt}, $f->{ripple}{static},
		$is->{pause}{debt} // 0, $is->{pause}{static} // 0, $f->{ledger}, $f->{dom0}{debt}, verdict(@missed);
}

# For step: "scheduler entitled kappa", then means over 1 s: "s own driver sum", s from the load's beginning to the second's end.
sub print_step {
	my ($is) = @_;
	my $s = $is->{phase}{debt};
	my $began = began($s, $is->{entitled}) // die "$is->{load}: no load is seen\n";
	my ($from) = grep { $_->{t} >= $began + 10 } @$s;
	die "$is->{load}: shorter than 10 s\n" if !$from || $from == $s->[-1];
	printf "%s %s %.3g\n", $is->{scheduler}, $is->{entitled}, rate($from, $s->[-1], 'driver') / max(0.01, rate($from, $s->[-1], 'own'));
	printf "%.2f\t%.2f\t%.2f\t%.2f\n", $_->[1]{t} - $began, rate(@$_, 'own'), rate(@$_, 'driver'), rate(@$_, qw(own driver)) for windows($s, 1, 0);
}

die "usage: figures.pl TSV..., or --step TSV\n" if !@ARGV;
if ($ARGV[0] eq '--step') {
	print_step(read_tsv($ARGV[1]));
	exit;
}
print "# Xen under QEMU TCG; per cent of a CPU; truth: driver domains by the hypervisor, less idle\n";
my ($weights, $debt) = (0, 0);
for my $is (map { read_tsv($_) } @ARGV) {
	if ($is->{attack}) {
		print "| scheduler | one VM (gain) | two VMs (gain) | two, of one | bursts, half of E (gain) | bounds |\n", '| --- ' x 6, "|\n";
		print_attack($is);
	} elsif ($is->{weights}) {
		print "| load | kappa | without debt: 256 : 256 : 512 | with | off by, without, with, and with as billed | alone: done with debt | ledger of truth | dom0 | bounds |\n", '| --- ' x 9, "|\n"
			if !$weights++;
		print_weights($is);
	} else {
		print "| load | kappa | without debt: own + driver | with: own + driver | worst 10 s: debt, static about its mean | settled, s (seconds within 2: debt, static) | sd of own, 0.1 s: debt, static | longest pause, ms: debt, static | ledger of truth | dom0 | bounds |\n", '| --- ' x 11, "|\n"
			if !$debt++;
		print_debt($is);
	}
}
