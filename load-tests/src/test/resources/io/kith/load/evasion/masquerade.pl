# Calls itself what it is not, in its name and in its arguments. Arguments: HOST PORT.
use strict; use warnings; use POSIX (); use IO::Socket::IP;
my ($host, $port) = @ARGV;
$0 = "/usr/bin/perl /app/checkout $host $port";
my $name = "checkout\0";
syscall((POSIX::uname)[4] =~ /aarch64/ ? 167 : 157, 15, $name, 0, 0, 0); # PR_SET_NAME
my $db = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 5) or die "connect: $@\n";
print $db "DUMP everything\n";
print map { $_ // "the connection was closed\n" } scalar <$db>, scalar <$db>;
