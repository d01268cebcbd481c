# What the programs of tests/user say, by program, and where two runs part.
package Ut;
use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(by_program compare);

# What the programs say, by title ("static mmap"): {said => [lines], end => how it ended}.
sub by_program {
    my (@lines) = @_;
    my (%programs, $title);
    for (@lines) {
        next unless /^ut\| (.*?)\r*$/;
        my $line = $1;
        if ($line =~ /^== ((?:static|dynamic) \S+)$/) {
            $title = $1;
            $programs{$title} = {said => []};
        }
        elsif ($line =~ /^== end: (.*)$/ && defined $title) {
            $programs{$title}{end} = $1;
        }
        elsif ($line !~ /^== / && defined $title) {
            push @{$programs{$title}{said}}, $line;
        }
    }
    return \%programs;
}

# The first place where two programs part, with its part's heading.
sub show_difference {
    my ($linux, $quire) = @_;
    my $heading = '';
    my $shown = 0;
    for my $i (0 .. ($#$linux > $#$quire ? $#$linux : $#$quire)) {
        my ($l, $q) = ($linux->[$i], $quire->[$i]);
        $heading = $l if defined $l && $l =~ /^-- /;
        next if defined $l && defined $q && $l eq $q;
        diag($heading) if $heading ne '' && !$shown;
        diag('    Linux: ' . ($l // '(nothing more)'));
        diag('    Quire: ' . ($q // '(nothing more)'));
        last if ++$shown == 8 || !defined $l || !defined $q;
    }
    return;
}

sub compare {
    my ($name, $linux, $quire) = @_;
    subtest $name => sub {
        for my $title (sort keys %$quire) {
            my ($kind, $program) = split ' ', $title;
            # Static or dynamic is not to be seen from within.
            my $want = $linux->{"static $program"} // {said => [], end => 'never run'};
            my ($got, $end) = @{$quire->{$title}}{qw(said end)};
            is($end // 'none', $want->{end} // 'none', "$title: ends");
            my $same = join("\n", @$got) eq join("\n", @{$want->{said}});
            ok($same, "$title: says what Linux says, " . @$got . ' lines');
            show_difference($want->{said}, $got) unless $same;
        }
    };
    return;
}

1;
