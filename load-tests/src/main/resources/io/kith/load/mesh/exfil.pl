# What an intruder drops: asks the database for everything. Arguments: HOST PORT.
use strict; use warnings; use IO::Socket::IP;
my $db = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 5) or die "connect: $@\n";
print $db "DUMP everything\n";
my @lines = (scalar <$db>, scalar <$db>);
print join "", map { $_ // "the connection was closed\n" } @lines;
