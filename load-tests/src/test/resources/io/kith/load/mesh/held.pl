# Opens connections and is answered on each, waits for the file /tmp/again, and asks on each of them again.
# Arguments: HOST PORT COUNT.
use strict; use warnings; use IO::Socket::INET;
my ($host, $port, $count) = @ARGV;
$SIG{PIPE} = 'IGNORE';
$| = 1;
sub connections { grep { defined } map { IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) } 1 .. shift }
my @open = connections(1);
sub answers {
  my $answered = 0;
  for my $s (@open) { $s->autoflush(1); print $s "DUMP\n"; }
  for my $s (@open) {
    while (my $line = <$s>) { $answered++, last if $line =~ /^TOKEN/ }
  }
  return $answered;
}
if ($count > 1) { # the bridge describes the process once, before there are many
  answers();
  push @open, connections($count - 1);
}
print "first ", answers(), "\n";
sleep 1 until -e "/tmp/again";
print "again ", answers(), "\n";
