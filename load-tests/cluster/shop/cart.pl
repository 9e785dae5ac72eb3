#!/usr/bin/perl
# The cart: asks the catalog, and the payment provider outside of the mesh, over and over; says what came of it.
# Arguments: HOST:PORT… ; a line "HOST:PORT ok" or "HOST:PORT FAILED: …" each time.
use strict; use warnings; use IO::Socket::INET;
$| = 1; $SIG{TERM} = sub { exit 0 };
my $rest = $ENV{REST} // 0.5;
while (1) {
  for my $peer (@ARGV) {
    my $web = IO::Socket::INET->new(PeerAddr => $peer, Timeout => 10);
    if (!$web) { print time, " $peer FAILED: $@\n"; next }
    my ($host) = split /:/, $peer;
    print $web "GET /price HTTP/1.1\r\nHost: $peer\r\nConnection: close\r\n\r\n";
    my $answer = join '', <$web>;
    print time, " $peer ", $answer =~ /price 42/ ? "ok\n" : "FAILED: " . substr($answer =~ s/\s+/ /gr, 0, 200) . "\n";
  }
  select undef, undef, undef, $rest;
}
