#!/usr/bin/perl
# The catalog: answers every request with a price.
use strict; use warnings; use IO::Socket::INET;
$| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{TERM} = sub { exit 0 };
my $server = IO::Socket::INET->new(LocalPort => $ARGV[0] // 8080, Listen => 64, ReuseAddr => 1) or die "listen: $!\n";
while (my $client = $server->accept) {
  next if fork;
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
  print $client "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\nConnection: close\r\n\r\nprice 42\n";
  exit 0;
}
