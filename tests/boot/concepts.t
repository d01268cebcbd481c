#!/usr/bin/env perl
# Every command of the tables in docs/concepts.md: it ends with status 0, and says what the table says that it says.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox memtester));

my $top = top_dir();
my (@row, %seen, @guest, @host);
open my $fh, '<', "$top/docs/concepts.md" or die $!;
while (<$fh>) {
    next unless /^\| ([^|]+) \| `([#\$]) ([^`|]+)` \| `([^`]+)` \|([^|]*)\|$/;
    push @row, {concept => $1, where => $2, command => $3, says => $4, picture => $5};
    push @{$2 eq '#' ? \@guest : \@host}, $3 unless $seen{"$2 $3"}++;
}
close $fh;
cmp_ok(@row, '>', 40, scalar(@row) . ' concepts');
is(join(', ', map { $_->{concept} } grep { $_->{picture} !~ /\S/ } @row), '', 'each is in a picture');

# N stands for a number, of any base; blanks and ends of lines for each other.
sub pattern {
    my ($says) = @_;
    (my $marked = $says) =~ s/(?:(?<=0x)|\b)N\b/\x01/g;
    my $p = quotemeta $marked;
    $p =~ s/\\?\x01/[0-9a-f]+/g;
    $p =~ s/(?:\\ )+/\\s+/g;
    return qr/$p/;
}

my %said;
my $script = join '', map { "try '$_' sh -c '$_ </dev/null'\n" } @guest;
my $run = run_programs('concepts', sets => [qw(busybox memtester)], memory => '64M', swap => 64 * 1024, time => 300, script => $script);
for my $command (@guest) {
    my $step = $run->{steps}{$command} // {said => ''};
    is($step->{status} // 'none', 0, "status of # $command") or diag($step->{said});
    $said{"# $command"} = $step->{said};
}
chdir $top or die $!;
for my $command (@host) {
    $said{"\$ $command"} = `$command 2>&1`;
    is($?, 0, "status of \$ $command");
}
for my $r (@row) {
    my $p = pattern($r->{says});
    like($said{"$r->{where} $r->{command}"}, $p, "$r->{concept}: $r->{where} $r->{command}");
}

done_testing();
