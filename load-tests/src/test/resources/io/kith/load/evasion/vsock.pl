# Speaks to the machine over vsock. Arguments: CID PORT.
use strict; use warnings;
socket my $s, 40, 1, 0 or die "socket: $!\n";
connect $s, pack("S S L L x4", 40, 0, $ARGV[1], $ARGV[0]) or die "connect: $!\n";
syswrite $s, "orders of today\n";
print "sent\n";
