#!/usr/bin/env perl
# Wine from Debian's packages, as far as it gets: its loader, with the half of ntdll that is for Unix, says its version. A
# Windows program needs wineserver, which begins and lacks its tables: the half of Wine that is for Windows, some hundred megabytes, is
# not in the root. The packages are large: only for `make soak`.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

plan skip_all => 'only for make soak' unless $ENV{QUIRE_SOAK};
need_sets(qw(busybox libc wine));

my $run = run_programs('wine', sets => [qw(busybox libc wine)], memory => '256M', time => 120,
    script => <<'END');
export HOME=/tmp WINEDEBUG=-all WINESERVER=/usr/lib/wine/wineserver32
try version /usr/lib/wine/wine --version
try program /usr/lib/wine/wine cmd /c echo hello
END
step_is($run, 'version', 0, qr/^wine-\d+\.\d+/m);
step_is($run, 'program', 1, qr/^wineserver: failed to load l_intl\.nls$/m);

done_testing();
