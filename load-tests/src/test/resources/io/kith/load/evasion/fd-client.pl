# Takes a connection that another program opened, and uses it.
use strict; use warnings; use POSIX (); use IO::Socket::UNIX; use IO::Handle;
my $recvmsg = (POSIX::uname)[4] =~ /aarch64/ ? 212 : 47;
my $broker = IO::Socket::UNIX->new(Peer => "/tmp/broker.sock") or die "connect: $!\n";
my ($byte, $control) = ("x", "\0" x 24);
my $vector = pack("P Q", $byte, 1);
my $message = pack("Q L x4 P Q P Q l x4", 0, 0, $vector, 1, $control, 24, 0);
syscall($recvmsg, fileno($broker), $message, 0) > 0 or die "recvmsg: $!\n";
my $fd = unpack "x16 l", $control;
open my $db, "+>&=", $fd or die "open: $!\n";
$db->autoflush;
syswrite $db, "DUMP everything\n";
print scalar <$db>;
