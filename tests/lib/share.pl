# SPDX-License-Identifier: LGPL-2.1-or-later
# share.pl SOCKET DOMID SECONDS: what the accountant charges a VM, looked at each 100 ms:
#
#	mean N.NN worst N.NN least N.NN looks N
#
# per cent of a CPU: over all, and of the second in which it was most and least, by the
# accountant's own clock.
use strict;
use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw(sleep time);

my ($path, $domid, $seconds) = @ARGV;
my @at;
for (my $end = time + $seconds; time < $end; sleep 0.1) {
	my $sock = IO::Socket::UNIX->new(Peer => $path) or next;
	my $d = eval { decode_json(do { local $/; <$sock> }) } or next;
	my $ns = 0;
	$ns += $_->{charged_ns} for grep { $_->{domid} == $domid } @{$d->{vms}};
	push @at, [ $d->{t}, $ns ] if !@at || $d->{t} > $at[-1][0];
}
die "share.pl: no two looks\n" if @at < 2;
sub share { my ($a, $b) = @_; return ($b->[1] - $a->[1]) / ($b->[0] - $a->[0]) / 1e7 }
my ($worst, $least, $from) = (0, 1e9, 0);
for my $i (1 .. $#at) {
	# the last look that is a second or more before
	$from++ while $at[$from + 1][0] <= $at[$i][0] - 1;
	next if $at[$from][0] > $at[$i][0] - 1;
	my $s = share($at[$from], $at[$i]);
	$worst = $s if $s > $worst;
	$least = $s if $s < $least;
}
printf "mean %.2f worst %.2f least %.2f looks %d\n", share($at[0], $at[-1]), $worst, $least, scalar @at;
