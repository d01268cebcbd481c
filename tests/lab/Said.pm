# What the tests of the laboratory's commands share.
package Said;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

our @EXPORT = qw(top says table small is_drawn);

my $top = abs_path(dirname(__FILE__) . '/../..');

sub top { return $top }

# Run a command: its status, what it said, and what it said of errors.
sub says {
    my ($dir, @cmd) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', "$dir/said"   or die;
        open STDERR, '>', "$dir/errors" or die;
        open STDIN,  '<', '/dev/null'   or die;
        exec @cmd or die "$cmd[0]: $!";
    }
    waitpid $pid, 0;
    return $? >> 8, map { my $f = $_; open my $fh, '<', $f or die "$f: $!"; local $/; scalar <$fh> } "$dir/said", "$dir/errors";
}

# The rows of a table, each by the names in its first line.
sub table {
    my ($file) = @_;
    open my $in, '<', $file or return;
    chomp(my @line = <$in>);
    my @names = split /\t/, shift @line;
    return map { my %row; @row{@names} = split /\t/, $_; \%row } @line;
}

# Options of tools/lab/lab for a machine that boots fast.
sub small { return ('-m', '64M', '--initrd', "$top/build/rootfs-region.cpio", '--no-costs') }

# Whether there is something to draw with.
sub is_drawn { return -e '/usr/lib/python3/dist-packages/matplotlib/__init__.py' }

1;
