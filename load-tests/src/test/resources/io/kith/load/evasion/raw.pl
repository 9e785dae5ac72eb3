# Sends a packet of its own making from a raw socket. Arguments: PROTOCOL SOURCE HOST PORT.
use strict; use warnings; use Socket;
my ($protocol, $source, $host, $port) = @ARGV;
my $text = "orders of today\n";
socket my $s, AF_INET, SOCK_RAW, $protocol or die "socket: $!\n";
my $packet = $text;
if ($protocol == 17) { $packet = pack("n n n n", 40000, $port, 8 + length $text, 0) . $text; }
if ($protocol == 1) { $packet = pack("C C n n n", 8, 0, 0, 1, 1) . $text; }
if ($protocol == 6) { # the middle of a connection: no SYN
  my $tcp = pack("n n N N C C n n n", 40000, $port, 1, 1, 0x50, 0x18, 512, 0, 0) . $text;
  my $all = inet_aton($source) . inet_aton($host) . pack("C C n", 0, 6, length $tcp) . $tcp;
  my $sum = 0;
  $sum += $_ for unpack "n*", $all;
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  substr $tcp, 16, 2, pack "n", ~$sum & 0xffff;
  $packet = $tcp;
}
defined send $s, $packet, 0, sockaddr_in(0, inet_aton($host)) or die "send: $!\n";
print "sent\n";
