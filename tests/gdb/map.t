#!/usr/bin/env perl
# The map of memory on the display, against the frame records at the same moment: the machine is stopped where a picture has
# just been drawn, while a program works. The cells are read from the display's memory through QEMU's monitor, and made
# again from the records through gdb.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Gdb;
use Test::More;

my $top = Boot::top_dir();
my ($columns, $rows) = (80, 22);
my @shown = map { "$top/build/log/map-$_.cells" } 1 .. 2;
unlink @shown;

# The class of every frame, a letter each, by the rules of docs/map.md; and the heads of the policy's lists.
my $records = <<'END' =~ s/\n/\\n/gr;
with physical():
    k = Kernel(int(gdb.parse_and_eval("(unsigned int)$cr0")), int(gdb.parse_and_eval("(unsigned int)$cr3")), None)
    busy = int(gdb.parse_and_eval("FRAME_F_BUSY | FRAME_F_WRITEBACK"))
    plain = {"free": ".", "reserved": "#", "kernel": "k", "stack": "k", "slab": "s", "table": "t", "anon": "a"}
    images, out = {0: True}, []
    for pfn, use, flags, owner in k.records("use", "flags", "owner"):
        use = k.use_name(use)
        if use in ("anon", "object") and flags & busy:
            out.append("b")
        elif use == "object":
            if owner not in images:
                images[owner] = int(k.mem.load("struct object", owner)["image"]) != 0
            out.append("f" if images[owner] else "m")
        else:
            out.append(plain[use])
    print("frames " + "".join(out))
END

my @look = ('monitor pmemsave 0xb8000 4000 "%s"', 'q-uses', 'q-verify', qq{python exec("""$records""")}, 'q-policy');
my $swap = Boot::swap_disk('map', 32 * 1024);
my ($out, undef, $all) = gdb_session('map',
    ['-m', '64M', '--disk', $swap, '--initrd', "$top/build/rootfs-small.cpio", '--append', 'quiet screen=map -- memtester 40M'],
    'break mapscreen_drawn', 'ignore $bpnum 2', 'continue', map({ s/%s/$shown[0]/r } @look),
    'ignore $bpnum 8', 'continue', map({ s/%s/$shown[1]/r } @look),
    "p 'kernel/lib/screen.c'::front == screens[0]", "p 'kernel/lib/screen.c'::front == screens[1]");

# The colours of the adapter: of each class, not used.
my %colour = ('.' => 8, 'k' => 7, 's' => 6, 't' => 5, 'a' => 2, 'f' => 3, 'm' => 1, 'b' => 4, '#' => 8);
my %class = map { $colour{$_} => $_ } grep { !/[.#]/ } keys %colour;

# The screen's cells: letters, whether bright, and where marks are.
sub cells_of {
    my ($file) = @_;
    my @cells = unpack 'v*', Boot::slurp($file);
    my (@letter, @bright, %mark);
    for my $i (0 .. $columns * $rows - 1) {
        my ($c, $colour) = (($cells[$i] // 0) & 0xFF, ($cells[$i] // 0) >> 8);
        if ($c == 0x10 || $c == 0x11) {
            $mark{$i} = $c == 0x10 ? 'head' : 'tail';
            $colour >>= 4;
        }
        push @letter, $c == 0xFA ? '.' : $c == 0xB0 ? '#' : $c == 0x20 ? ' ' : $mark{$i} && $colour == 8 ? '.' : $class{$colour & 7};
        push @bright, $colour & 8 && $letter[-1] =~ /[a-z]/ ? 1 : 0;
    }
    my @text = map { join '', map { chr($_ & 0xFF) } @cells[$_ * $columns .. ($_ + 1) * $columns - 1] } $rows .. 24;
    return (\@letter, \@bright, \%mark, @text);
}

sub picture_is_true {
    my ($what, $file, $uses, $verify, $frames, $policy) = @_;
    my ($letter, $bright, $mark, @text) = cells_of($file);
    my ($classes) = $frames =~ /^frames (\S+)$/m;
    ok(defined $classes, "$what: the records were read") or return diag($frames);
    my $run = int((length($classes) + $columns * $rows - 1) / ($columns * $rows));
    my ($wrong, $bright_wrong, %bright_of) = (0, 0);
    for my $i (0 .. int((length($classes) - 1) / $run)) {
        my (%n, $best);
        $n{$_}++ for split //, substr $classes, $i * $run, $run;
        $best = $n{b} ? $n{b} : (sort { $b <=> $a } values %n)[0];
        my $shown = $letter->[$i] // '?';
        $wrong++ if $n{b} ? $shown ne 'b' : ($n{$shown} // 0) != $best;
        $bright_of{$shown} += $bright->[$i];
        $bright_wrong++ if $bright->[$i] && !grep { $n{$_} } qw(t a f m b);
    }
    is($wrong, 0, "$what: every cell is what most of its $run frames are used for");
    is($bright_wrong, 0, "$what: only cells with pages of programs or their tables are bright");
    cmp_ok($bright_of{a} // 0, '>', 0, "$what: pages that the program uses are bright") if $what eq 'later';

    my $u = uses_of($uses);
    my %n = map { my $l = $_; ($l => scalar(() = $classes =~ /\Q$l\E/g)) } keys %colour;
    my %legend = $text[2] =~ /(\w+) (\d+)\b/g;
    is($legend{free}, $u->{free}[1], "$what: free frames as q-uses counts them");
    is($legend{kern}, $u->{kernel}[1] + $u->{stack}[1], "$what: and the kernel's");
    is($legend{slab}, $u->{slab}[1], "$what: and slabs");
    is($legend{tab}, $u->{table}[1], "$what: and tables");
    is($legend{hole}, $u->{reserved}[1], "$what: and holes");
    is($legend{anon} + $legend{file} + $legend{shm} + $legend{busy}, $u->{anon}[1] + $u->{object}[1], "$what: and pages of programs");
    is_deeply([@legend{qw(anon file shm busy)}], [@n{qw(a f m b)}], "$what: and each kind of these as the records say");
    like($verify, qr/^verify: .* 0 broken$/m, "$what: the audit from outside finds nothing") or diag($verify);

    my ($head) = $policy =~ /hand at frame (0x[0-9a-f]+)/;
    ok(!defined $head || ($mark->{int(hex($head) / $run)} // '') eq 'head', "$what: the hand is marked") or diag($policy);
    like($text[0], qr/^faults\/s \d+k? zero \d+/, "$what: rates");
    like($text[1], qr/^blocks( +\d+){11} \| $run frames a cell, \d+ used \| clock-dirty/, "$what: blocks");
    return;
}

if (!is(scalar(() = $all =~ /^Breakpoint \d+, mapscreen_drawn/mg), 2, 'stopped twice where a picture was drawn')) {
    diag($all);
    done_testing();
    exit 1;
}
picture_is_true('at first', $shown[0], @$out[4 .. 7]);
picture_is_true('later', $shown[1], @$out[11 .. 14]);

like($out->[-1], qr/= 1$/m, 'the map is what is shown');
like($out->[-2], qr/= 0$/m, 'and the console is not');

done_testing();
