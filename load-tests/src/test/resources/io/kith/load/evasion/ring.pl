# Connects and sends by io_uring, without connect(2) or write(2). Arguments: HOST PORT [sqpoll]: by a thread of the
# kernel, from a child that has the ring of its parent.
use strict; use warnings; use Socket; use POSIX;
my ($host, $port, $polled) = @ARGV;
my ($setup, $enter) = (425, 426);
my $mmap = (POSIX::uname)[4] =~ /aarch64/ ? 222 : 9;
my $params = pack("L4 L6 L10 L10", (0) x 30);
$params = pack("L L L L", 0, 0, $polled ? 2 : 0, 0) . "\0" x 104;
my $ring = syscall($setup, 8, $params);
$ring >= 0 or die "io_uring_setup: $!\n";
my @p = unpack "L30", $params;
# sq_off: head tail mask entries flags dropped array; cq_off: head tail mask entries overflow cqes
my ($entries) = $p[0];
my ($sq_tail, $sq_flags, $sq_array) = @p[11, 14, 16];
my $cq_head = $p[20];
my ($cq_tail, $cq_cqes) = @p[21, 25];
my $queue = syscall($mmap, 0, 8192, 3, 1, $ring, 0);
my $slots = syscall($mmap, 0, 8 * 64, 3, 1, $ring, 0x10000000);
pipe my $from, my $to;
sub poke { my ($at, $bytes) = @_; syswrite $to, $bytes; syscall((POSIX::uname)[4] =~ /aarch64/ ? 63 : 0, fileno($from), $at, length $bytes) == length $bytes or die "poke: $!\n"; }
sub peek { my ($at, $length) = @_; return unpack "P$length", pack("Q", $at); }
socket my $socket, AF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
my $address = sockaddr_in($port, inet_aton($host));
my $text = "RING everything\n";
my $done = 0;
sub submit {
  my ($opcode, $buffer, $length, $offset) = @_;
  my $entry = pack("C C S l Q P L L Q", $opcode, 0, 0, fileno($socket), $offset, $buffer, $length, 0, 7);
  $entry .= "\0" x (64 - length $entry);
  poke($slots, $entry);
  poke($queue + $sq_array + 4 * $done, pack "L", 0);
  poke($queue + $sq_tail, pack "L", $done + 1);
  my $wake = $polled ? 3 : 1; # GETEVENTS, SQ_WAKEUP
  syscall($enter, $ring, $polled ? 0 : 1, 1, $wake, 0, 0) >= 0 or die "io_uring_enter: $!\n";
  my $result = unpack "x8 l", peek($queue + $cq_cqes + 16 * $done, 16);
  $done++;
  poke($queue + $cq_head, pack "L", $done);
  return $result;
}
if ($polled and my $child = fork) { waitpid $child, 0; exit; }
my $connected = submit(16, $address, 0, length $address);
$connected == 0 or die "connect: $connected\n";
my $sent = submit(26, $text, length $text, 0);
print "sent $sent\n";
sysread $socket, my $answer, 200;
print $answer // "";
sysread $socket, $answer, 200;
print $answer // "";
