# --help of the tools: `use Help;` prints the comment at the head of the program that was started with it, and ends.
package Help;
use strict;
use warnings;

sub import {
    return unless @ARGV && $ARGV[0] =~ /^(?:-h|--help)\z/;
    open my $program, '<', $0 or die "$0: $!\n";
    while (<$program>) {
        last if /^[^#]/;
        print s/^# ?//r unless /^#!/;
    }
    exit 0;
}

1;
