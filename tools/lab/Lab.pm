# What tools/trace and tools/lab/lab share.
package Lab;
use strict;
use warnings;
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use Getopt::Long qw(GetOptions);

our @EXPORT_OK = qw(options name_of folder blank_disk swap_disk command_disk who);

# The options of a command line, into %$o; a bad one ends the program with one line and status 2. Nothing may be left over.
sub options {
    my ($o, @specs) = @_;
    my @wrong;
    local $SIG{__WARN__} = sub { push @wrong, @_ };
    GetOptions($o, @specs) or wrong(join '; ', map { s/\n\z//r } @wrong);
    wrong("what is $ARGV[0]?") if @ARGV;
    return;
}

# Not called as its head says.
sub wrong {
    my ($what) = @_;
    (my $me = $0) =~ s{^.*?(tools/)}{$1};
    print STDERR "$me: $what\n";
    exit 2;
}

# What stands before a program's name in the shell's language, and what begins a command that only prepares.
my %before   = map { $_ => 1 } qw(exec command eval time if then elif else while until do ! { });
my %prepares = map { $_ => 1 } qw(cd export set unset ulimit umask trap for case read . :);

# A name for what a command runs: the program of the first of its commands that does not only prepare, else its first word that can
# be a program's. It names a file or a folder, so it is never "." or "..".
sub name_of {
    my ($command) = @_;
    my $first;
    for my $one (split /[;&|()\n]+/, $command =~ s/(?<!\S)[^\s;&|'"]+=(?:"[^"]*"|'[^']*'|[^\s;&|'"])*//gr) {
        my @words = grep { length } split /[\s'"]+/, $one =~ s/\d*[<>]+\s*\S+//gr;
        my $skipped = 0;
        while (@words && ($before{$words[0]} || $skipped && $words[0] =~ /^-/)) {
            shift @words;
            $skipped = 1;
        }
        my $prepares = @words && $prepares{$words[0]};
        for (grep { m{^[\w./+-]+$} } @words) {
            my $name = basename($_);
            next if $name =~ m{^[./-]*$};
            return $name if !$prepares;
            $first //= $name;
            last;
        }
    }
    return $first // 'program';
}

# Programs, {pid, name} each, in words: the processes of each name.
sub who {
    my (@name, %pids);
    for my $p (@_) {
        push @name, $p->{name} if !$pids{$p->{name}};
        push @{$pids{$p->{name}}}, $p->{pid} if !grep { $_ == $p->{pid} } @{$pids{$p->{name}}};
    }
    my @said = map { "$_ (pid @{$pids{$_}}[0 .. (@{$pids{$_}} > 6 ? 5 : $#{$pids{$_}})]" . (@{$pids{$_}} > 6 ? ' ...)' : ')') } @name;
    return @said > 16 ? join ', ', @said[0 .. 15], 'and others' : @said ? join ', ', @said : 'nobody';
}

# A folder that is there from now on.
sub folder {
    my ($dir) = @_;
    make_path($dir, {error => \my $why});
    return if !@$why && -d $dir;
    my ($text) = map { values %$_ } @$why;
    wrong("$dir: " . ($text // 'it is no folder'));
}

# A file of so many MiB for a disk.
sub blank_disk {
    my ($file, $mib) = @_;
    unlink $file;
    open my $fh, '>', $file or wrong("$file: $!");
    truncate $fh, $mib << 20 or wrong("$file: $!");
    close $fh;
    return $file;
}

# The same with a swap header.
sub swap_disk {
    my ($file, $mib) = @_;
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
    blank_disk($file, $mib);
    chmod 0600, $file;
    open my $mkswap, '-|', 'sh', '-c', 'mkswap "$1" 2>&1', 'mkswap', $file or wrong("mkswap: $!");
    my @said = <$mkswap>;
    close $mkswap or wrong("mkswap $file failed: " . ($said[-1] // "nothing was said\n") =~ s/\n\z//r);
    return $file;
}

# The same with a command on it, for /lab/before: the kernel's own command line is short.
sub command_disk {
    my ($file, $mib, $command) = @_;
    blank_disk($file, $mib);
    open my $fh, '+<', $file or wrong("$file: $!");
    print {$fh} "$command\n#== end\n";
    close $fh or wrong("$file: $!");
    return $file;
}

1;
