#!/usr/bin/env perl
# Debian's programs that wait for what happens to files, and that copy attributes.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox watch));
my $run = run_programs('programs-watch', sets => [qw(busybox watch)], memory => '96M', time => 120, script => <<'END');
mkdir d
inotifywait -m -r --format '%w %e %f' -o out -e create,modify,moved_from,moved_to,delete,attrib,close_write d 2>err &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10; do grep -q established err && break; sleep 1; done
try watches cat err
echo one >d/a; mkdir d/sub; sleep 2; echo two >d/sub/b; mv d/a d/sub/c; chmod 600 d/sub/c; rm d/sub/b; sleep 1
kill $pid
try told cat out
echo first >log
follow() { (/usr/bin/tail -n 5 -f log & sleep 2; echo second >>log; sleep 2; kill $!); }
try follows follow
echo x >f; setfattr -n user.colour -v green f; /bin/cp -a f g
try copied getfattr -d g
setfattr -n user.a -v b d
try directory getfattr -d d
END

step_is($run, 'watches', 0, qr/^Watches established\.$/m);
my @news = (
    'd/ CREATE a', 'd/ MODIFY a', 'd/ CLOSE_WRITE,CLOSE a', 'd/ CREATE,ISDIR sub', 'd/sub/ CREATE b', 'd/sub/ MODIFY b', 'd/sub/ CLOSE_WRITE,CLOSE b',
    'd/ MOVED_FROM a', 'd/sub/ MOVED_TO c', 'd/sub/ ATTRIB c', 'd/sub/ DELETE b',
);
step_is($run, 'told', 0, qr/^@{[join "\n", map { quotemeta } @news]}$/m);
step_is($run, 'follows', 0, qr/^first\nsecond$/m);
step_is($run, 'copied', 0, qr/^# file: g\nuser\.colour="green"$/m);
step_is($run, 'directory', 0, qr/^user\.a="b"$/m);
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
