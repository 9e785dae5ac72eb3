# Runs a program in a root of its own: an overlay of two folders, whose writable layer has a name that the node has too.
# Arguments: FOLDER FOLDER ROOT PROGRAM...
use strict; use warnings; use POSIX ();
my ($above, $below, $root, @program) = @ARGV;
my ($unshare, $mount) = (POSIX::uname)[4] =~ /aarch64/ ? (97, 40) : (272, 165);
my ($user, $group) = ($> + 0, $) + 0);
syscall($unshare, 0x10020000) == 0 or die "unshare: $!\n"; # NEWUSER, NEWNS
for (["setgroups", "deny"], ["uid_map", "$user $user 1"], ["gid_map", "$group $group 1"]) {
  open my $file, ">", "/proc/self/$_->[0]" or die "$_->[0]: $!\n";
  print $file $_->[1];
  close $file or die "$_->[0]: $!\n";
}
my ($none, $memory, $var, $size) = ("none", "tmpfs", "/var", "size=1m");
syscall($mount, $memory, $var, $memory, 0, $size) == 0 or die "tmpfs: $!\n";
mkdir "/var/$_" or die "/var/$_: $!\n" for "tmp", "work";
my ($type, $layers) =
  ("overlay", "userxattr,lowerdir=$above:$below,upperdir=/var/tmp,workdir=/var/work");
syscall($mount, $type, $root, $type, 0, $layers) == 0 or die "overlay: $!\n";
for my $part ("/proc", "/dev") {
  my ($from, $there) = ("$part", "$root$part");
  syscall($mount, $from, $there, $none, 0x5000, 0) == 0 or die "$part: $!\n"; # BIND, REC
}
chroot $root or die "chroot: $!\n";
chdir "/";
exec @program;
