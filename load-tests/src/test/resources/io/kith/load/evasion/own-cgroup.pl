# Makes a cgroup below its own that is named as another container's, moves there, and runs a program as a user.
# Arguments: USER PROGRAM...
use strict; use warnings; use POSIX ();
my ($user, @program) = @ARGV;
my $mount = (POSIX::uname)[4] =~ /aarch64/ ? 40 : 165;
my ($type, $tree) = ("cgroup2", "/tmp/tree");
-d $tree or mkdir $tree or die "mkdir: $!\n";
-e "$tree/cgroup.procs" or syscall($mount, $type, $tree, $type, 0, 0) == 0 or die "mount: $!\n";
my $place = $tree;
for my $folder ("docker", "a" x 64) {
  $place .= "/$folder";
  -d $place or mkdir $place or die "mkdir $place: $!\n";
}
open(my $procs, ">", "$place/cgroup.procs") or die "cgroup.procs: $!\n";
syswrite($procs, "$$\n") or die "cgroup.procs: $!\n";
close $procs;
$) = "$user $user"; $( = $user; $< = $> = $user;
exec @program;
