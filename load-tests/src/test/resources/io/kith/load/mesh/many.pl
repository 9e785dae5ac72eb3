# Connects many times, and when all connections are open asks on each. Arguments: HOST PORT PROCESSES EACH.
use strict; use warnings; use IO::Socket::INET;
my ($host, $port, $processes, $each) = @ARGV;
pipe(my $go, my $starter) or die "pipe: $!\n";
$SIG{PIPE} = 'IGNORE';
my @children;
for (1 .. $processes) {
  my $child = open(my $out, "-|") // die "fork: $!\n";
  if (!$child) {
    close $starter;
    $| = 1;
    my @open = grep { defined } map { IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) } 1 .. $each;
    print scalar(@open), "\n";
    readline $go; # until the parent has closed the other end
    $_->autoflush(1), print $_ "DUMP\n" for @open;
    my $answered = 0;
    for my $s (@open) {
      while (my $line = <$s>) { $answered++, last if $line =~ /^TOKEN/ }
    }
    print "$answered\n";
    exit 0;
  }
  push @children, $out;
}
my ($opened, $answered) = (0, 0);
$opened += <$_> for @children;
close $starter;
$answered += <$_> for @children;
print "opened $opened, answered $answered\n";
