# Connects over and over without waiting. Arguments: HOST PORT TIMES.
use strict; use warnings; use Socket; use Fcntl;
my $to = sockaddr_in($ARGV[1], inet_aton($ARGV[0]));
my @open;
for (1 .. $ARGV[2]) {
  socket my $s, AF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
  fcntl $s, F_SETFL, O_NONBLOCK;
  connect $s, $to;
  push @open, $s;
  @open = () if @open > 400;
}
print "done\n";
