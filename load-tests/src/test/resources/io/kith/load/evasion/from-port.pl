# Asks the database from a given port. Arguments: HOST PORT SOURCE-PORT.
use strict; use warnings; use IO::Socket::INET;
my $db = IO::Socket::INET->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], LocalPort => $ARGV[2], ReuseAddr => 1, Timeout => 5) or die "connect: $@\n";
print $db "DUMP everything\n";
print map { $_ // "the connection was closed\n" } scalar <$db>, scalar <$db>;
