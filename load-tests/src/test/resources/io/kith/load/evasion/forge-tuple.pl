# Runs an allowed program in a network of its own that looks like the pod's: same address, same source port, same
# destination, so that a record of the same tuple names the allowed program. Arguments: OWN HOST PROGRAM...
use strict; use warnings; use POSIX (); use Socket;
my ($own, $host, @program) = @ARGV;
my $unshare = (POSIX::uname)[4] =~ /aarch64/ ? 97 : 272;
syscall($unshare, 0x50000000) == 0 or die "unshare: $!\n"; # NEWUSER, NEWNET
socket my $s, AF_INET, SOCK_DGRAM, 0 or die "socket: $!\n";
my $request = pack("a16 S n a4 x8", "lo", AF_INET, 0, inet_aton($own));
ioctl $s, 0x8916, $request or die "SIOCSIFADDR: $!\n";
$request = pack("a16 s x22", "lo", 0x49);
ioctl $s, 0x8914, $request or die "SIOCSIFFLAGS: $!\n";
my $device = "lo";
my $to = pack("S n a4 x8", AF_INET, 0, inet_aton($host));
my $mask = pack("S n a4 x8", AF_INET, 0, inet_aton("255.255.255.255"));
my $route = pack("Q a16 a16 a16 S s x4 Q C x7 s x6 P Q Q S x6", 0, $to, "", $mask, 5, 0, 0, 0, 0, $device, 0, 0, 0);
ioctl $s, 0x890b, $route or die "SIOCADDRT: $!\n";
exec @program;
