# Connects many times and holds all of it, then asks on each. Arguments: HOST PORT PROCESSES EACH.
use strict; use warnings; use IO::Socket::INET;
my ($host, $port, $processes, $each) = @ARGV;
my @children;
for (1 .. $processes) {
  my $child = open(my $out, "-|") // die "fork: $!\n";
  if (!$child) {
    my @open = grep { defined } map { IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) } 1 .. $each;
    $_->autoflush(1), print $_ "DUMP\n" for @open;
    my $answered = 0;
    for my $s (@open) {
      local $SIG{PIPE} = 'IGNORE';
      while (my $line = <$s>) { $answered++, last if $line =~ /^TOKEN/ }
    }
    print scalar(@open), " $answered\n";
    exit 0;
  }
  push @children, $out;
}
my ($opened, $answered) = (0, 0);
for my $out (@children) {
  my ($o, $a) = split ' ', <$out>;
  $opened += $o; $answered += $a;
}
print "opened $opened, answered $answered\n";
