# Mounts a file over another in a mount namespace of its own, and runs a program there. Arguments: FILE OVER PROGRAM...
use strict; use warnings; use POSIX ();
my ($file, $over, @program) = @ARGV;
my ($unshare, $mount) = (POSIX::uname)[4] =~ /aarch64/ ? (97, 40) : (272, 165);
syscall($unshare, 0x10020000) == 0 or die "unshare: $!\n"; # NEWUSER, NEWNS
my $none = "none";
syscall($mount, $file, $over, $none, 4096, 0) == 0 or die "mount: $!\n";
exec @program;
