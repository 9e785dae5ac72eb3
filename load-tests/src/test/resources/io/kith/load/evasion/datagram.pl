# Sends one datagram. Arguments: HOST PORT.
use strict; use warnings; use IO::Socket::IP;
my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Proto => "udp") or die "connect: $@\n";
defined $s->send("orders of today\n") or die "send: $!\n";
print "sent\n";
