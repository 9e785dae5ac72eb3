# Writes a datagram of UDP as a frame, below everything that looks at IP. Arguments: SOURCE HOST PORT.
use strict; use warnings; use Socket;
my ($source, $host, $port) = @ARGV;
my $text = "orders of today\n";
my $udp = pack("n n n n", 40000, $port, 8 + length $text, 0) . $text;
my $ip = pack("C C n n n C C n a4 a4", 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0, inet_aton($source), inet_aton($host));
my $sum = 0;
$sum += $_ for unpack "n*", $ip;
$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
substr $ip, 10, 2, pack "n", ~$sum & 0xffff;
socket my $s, 17, SOCK_DGRAM, 0x0008 or die "socket: $!\n"; # AF_PACKET, ETH_P_IP in network order
open my $file, "<", "/sys/class/net/eth0/ifindex";
my $index = $file ? <$file> : undef;
unless ($index) {
  my $request = pack("a16 x24", "eth0");
  ioctl $s, 0x8933, $request or die "SIOCGIFINDEX: $!\n";
  $index = unpack "x16 l", $request;
}
my $to = pack("S n l S C C a8", 17, 0x0800, $index, 0, 0, 6, "\xff" x 6);
defined send $s, $ip . $udp, 0, $to or die "send: $!\n";
print "sent\n";
