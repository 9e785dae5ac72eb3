# Connects, sends and closes at once. Arguments: HOST PORT.
use strict; use warnings; use IO::Socket::IP;
my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 5) or die "connect: $@\n";
syswrite $s, "BEACON\n";
close $s;
