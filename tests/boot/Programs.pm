# Boot into a root archive of real programs, run a script there, and see what came of each step.
#
#     my $run = run_programs('memtester', sets => [qw(busybox memtester)], memory => '64M', swap => 1,
#         script => 'try free free');
#     step_is($run, 'free', 0, qr/^Mem: +\d+/m);
#
# add => ['FILE=PATH'] puts more files into the archive. In the script, `try NAME COMMAND ...` runs a command as a step; what it
# says and its status belong to NAME. `append` is for the kernel's command line. `absent` lists the calls that the programs may find not implemented: any other fails.
package Programs;
use strict;
use warnings;

use Boot;
use Exporter qw(import);
use Fcntl qw(LOCK_EX);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use Test::More;

our @EXPORT = qw(run_programs step_is need_sets have_sets);

my $PREAMBLE = <<'END';
cd /tmp
try() {
    echo "== $1"
    shift
    "$@"
    echo "== status $?"
}
END

# Whether packages can be had.
sub have_sets {
    my (@sets) = @_;
    return system(top_dir() . "/tools/rootfs have @sets >/dev/null 2>&1") == 0;
}

# End the whole test file without failing when packages cannot be had.
sub need_sets {
    my (@sets) = @_;
    return if have_sets(@sets);
    plan skip_all => "packages cannot be fetched: @sets";
    return;
}

sub write_file {
    my ($file, $text) = @_;
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    return $file;
}

# The root archive of some sets. Runs share it as long as what makes it does not change.
sub root_of {
    my (@sets) = @_;
    my $top = top_dir();
    my $file = "$top/build/boot-tests/root-" . join('-', @sets) . '.cpio';
    open my $lock, '>', "$file.lock" or die "$file.lock: $!";
    flock $lock, LOCK_EX or die "$file.lock: $!";
    my @from = map { (stat "$top/$_")[9] // 0 } qw(tools/rootfs tools/packages build/user/quire build/user/malloctrace.so);
    my $made = (stat $file)[9] // 0; # 0 is also that of an archive that lacks a package
    return $file unless !$made || grep { $_ >= $made } @from;
    my $said = `$top/tools/rootfs pack -o '$file' @sets 2>&1`;
    die "tools/rootfs: $said" if $?;
    return $file;
}

# Make an archive of a root and of files as tools/rootfs has them, "FILE=PATH", in a small archive behind it.
sub archive_of {
    my ($archive, $root, @files) = @_;
    my $tree = "$archive.tree";
    remove_tree($tree);
    for (@files) {
        my ($file, $path) = /^(.*?)=(.*)$/ or die "FILE=PATH: $_\n";
        make_path("$tree/" . dirname($path));
        copy($file, "$tree/$path") or die "$file: $!";
        chmod((stat $file)[2] & 07777, "$tree/$path");
    }
    copy($root, $archive) or die "$archive: $!";
    system("cd '$tree' && find . -type f | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc >>'$archive'") == 0
      or die "$archive: no archive could be made\n";
    remove_tree($tree);
    return;
}

sub run_programs {
    my ($name, %o) = @_;
    my $work = top_dir() . '/build/boot-tests';
    make_path($work);
    my $script = write_file("$work/$name.sh", "$PREAMBLE$o{script}\ntry absent sh -c 'dmesg | grep \"is not implemented\"'\n");
    my $archive = "$work/$name.cpio";
    archive_of($archive, root_of(@{$o{sets} // ['busybox']}), "$script=test.sh", @{$o{add} // []});
    my $run = boot($name, memory => $o{memory} // '64M', append => join(' ', 'quiet', $o{append} // (), '-- sh /test.sh'), initrd => $archive,
        time => $o{time} // 120, icount => $o{icount}, disks => $o{swap} ? [swap_disk($name, $o{swap} > 1 ? $o{swap} : undef)] : []);
    my $step;
    for my $line (split /\n/, $run->{log}) {
        if ($line =~ /^== status (\d+)$/ && defined $step) {
            $run->{steps}{$step}{status} = $1;
            undef $step;
        }
        elsif ($line =~ /^== (.*)$/) {
            $step = $1;
            $run->{steps}{$step} = {said => ''};
        }
        elsif (defined $step) {
            $run->{steps}{$step}{said} .= "$line\n";
        }
    }
    outcome_is($run, 'pass');
    log_like($run, qr/^init: status \d$/m, 'the script came to its end');
    my $absent = join '|', @{$o{absent} // []};
    my @unknown = grep { !/\((?:$absent)\) is not/ } split /\n/, $run->{steps}{absent}{said} // 'no log was read';
    is("@unknown", '', "$name: all system calls that were made are there, but for @{[$absent || 'none']}");
    return $run;
}

# A step ended with this status and said something that matches each pattern. One test.
sub step_is {
    my ($run, $name, $status, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $step = $run->{steps}{$name} // {said => ''};
    my $got = $step->{status} // 'none';
    my @missing = grep { $step->{said} !~ $_ } @patterns;
    return 1 if ok($got eq $status && !@missing, "$run->{name}: $name");
    diag("status $got, not $status") if $got ne $status;
    diag("does not match $_") for @missing;
    # A terminal's progress bars say nothing here.
    (my $said = $step->{said}) =~ s/[^\n]*\010//g;
    my @lines = split /\n/, $said;
    diag("    $_") for @lines > 30 ? (@lines[0 .. 14], '...', @lines[-14 .. -1]) : @lines;
    return 0;
}

1;
