# What Linux says: the kernel that programs of tests/user are compared with.
#
#     need_linux();
#     my @lines = linux_says('user', root => 'build/rootfs-test.cpio', commands => ['/ut/ut --all'], here => ["$ut --all"]);
#
# That is Debian's i386 kernel in QEMU, through tools/linux-i386: the newest that Debian 12 has, so that a fix of theirs may
# change what is expected. QUIRE_ORACLE=host takes this machine instead, if it executes i386 programs. That is quicker, but its
# kernel may be of any version, and one for 64 bits, which says other things in a few places.
package Linux;
use strict;
use warnings;

use Boot;
use Exporter qw(import);
use POSIX ();
use Test::More;

our @EXPORT = qw(need_linux linux_kind linux_says linux_begin linux_end);

my $top = top_dir();
my ($kind, $why);

# A program that does nothing but say how it is used. Not one that an emulator of programs executes: its kernel is itself.
sub host_executes {
    return 0 if (POSIX::uname())[4] !~ /^(?:x86_64|i[3-6]86)$/;
    my $said = `$top/build/ut/ut 2>&1`;
    return $? >> 8 == 2 && $said =~ /^usage: ut /;
}

# 'host' or 'qemu'; undef: it is not to be had.
sub linux_kind {
    return $kind if defined $kind || defined $why;
    my $want = $ENV{QUIRE_ORACLE} // '';
    die "QUIRE_ORACLE=$want: only host and qemu are known\n" if $want !~ /^(?:|host|qemu)$/;
    if ($want eq 'host') {
        if   (host_executes()) { $kind = 'host' }
        else                   { $why  = 'this machine does not execute i386 programs' }
    }
    else {
        my $said = `$top/tools/linux-i386 fetch 2>&1`;
        my $status = $? >> 8;
        if    ($status == 0) { $kind = 'qemu' }
        elsif ($status != 3) { die "tools/linux-i386 fetch: $said\n" }
        else {
            chomp $said;
            $why = $said =~ s/.*\n//sr;
        }
    }
    return $kind;
}

# End the whole test file without failing where there is nothing to compare with.
sub need_linux {
    plan skip_all => "no Linux to compare with: $why" unless linux_kind();
    diag('Linux is ' . ($kind eq 'host' ? 'this machine' : "Debian's i386 kernel in QEMU")) if $ENV{QUIRE_ORACLE};
    return;
}

sub on_host {
    my (@commands) = @_;
    my @lines;
    for my $command (@commands) {
        open my $fh, '-|', "$command 2>/dev/null" or die "$command: $!\n";
        push @lines, <$fh>;
        close $fh;
    }
    return @lines;
}

sub in_qemu {
    my ($name, %o) = @_;
    my $log  = "$top/build/log/$name-linux.log";
    my $list = "$top/build/boot-tests/$name.commands";
    mkdir $_ for "$top/build/log", "$top/build/boot-tests";
    open my $out, '>', $list or die "$list: $!\n";
    print {$out} "$_\n" for @{$o{commands}};
    close $out or die "$list: $!\n";
    my $limit = int(($o{time} // 120) * ($ENV{QUIRE_TIME_SCALE} // 1));
    unlink $log;
    my @command = ("$top/tools/linux-i386", 'run', '-m', $o{memory} // '256M', '--log', $log, '--time', $limit, '--commands', $list);
    push @command, '--root', $o{root} if defined $o{root};
    push @command, '--cpu', $o{cpu} if defined $o{cpu};
    push @command, '--add', $_ for @{$o{add} // []};
    my $status = system(@command) >> 8;
    open my $in, '<:raw', $log or die "$log: $! (@command)\n";
    my @lines = map { s/\r*\n/\n/r } <$in>;
    close $in;
    die "Linux did not come to its end, exit $status: see $log\n"
      if $status != 33 || !grep { /^init: status 0$/ } @lines;
    return @lines;
}

# The lines of the commands' output, without line ends. here: the same commands as the host runs them. Of Debian's kernel's
# log there may be more lines, which are its own. Options: root (an archive) and add (FILE=PATH) for its root, memory, cpu, time.
sub linux_says {
    my ($name, %o) = @_;
    my @lines = linux_kind() eq 'host' ? on_host(@{$o{here}}) : in_qemu($name, %o);
    chomp @lines;
    return @lines;
}

# The same, while this process does something else: what linux_end() is to be given for the lines.
sub linux_begin {
    my (@options) = @_;
    pipe my $lines, my $say or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $lines;
        my @said = eval { linux_says(@options) };
        my $status = $@ ? 1 : 0;
        print STDERR $@ if $@;
        print {$say} "$_\n" for @said;
        $status ||= !close $say;
        POSIX::_exit($status);
    }
    close $say;
    return [$pid, $lines];
}

sub linux_end {
    my ($pid, $lines) = @{$_[0]};
    chomp(my @said = <$lines>);
    close $lines;
    waitpid $pid, 0;
    die "Linux did not come to its end\n" if $?;
    return @said;
}

1;
