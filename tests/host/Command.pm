# A command with what it says, and small files for it to read.
#
#     my ($status, $said) = run($tool, '--table', file('a.tsv', $text));
package Command;
use strict;
use warnings;
use Exporter qw(import);
use File::Temp qw(tempdir);

our @EXPORT = qw(file run scratch text_of);

my $dir = tempdir(CLEANUP => 1);

# The folder of the files.
sub scratch { return $dir }

# Its status (of one that a signal ended, the signal's number and 1000), and both its outputs. It may take a minute.
sub run {
    my (@cmd) = @_;
    my $pid = open my $fh, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or die $!;
        exec 'timeout', 60, @cmd or die "$cmd[0]: $!";
    }
    my $out = do { local $/; <$fh> };
    close $fh;
    return ($? & 127 ? 1000 + ($? & 127) : $? >> 8, $out // '');
}

# A file of that name and text; its path.
sub file {
    my ($name, $text) = @_;
    open my $fh, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $text;
    close $fh or die $!;
    return "$dir/$name";
}

# All that a file holds.
sub text_of {
    my ($path) = @_;
    open my $fh, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$fh>;
}

1;
