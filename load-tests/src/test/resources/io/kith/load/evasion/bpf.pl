# Tries to become master of the machine's BPF and of its cgroups.
use strict; use warnings; use POSIX ();
my ($bpf, $mount) = (POSIX::uname)[4] =~ /aarch64/ ? (280, 40) : (321, 165);
my $license = "GPL\0";
my $code = pack("C C s l C C s l", 0xb7, 0, 0, 1, 0x95, 0, 0, 0); # return 1
my $load = pack("L L P P L L Q L L", 8, 2, $code, $license, 0, 0, 0, 0, 0) . "\0" x 80; # CGROUP_SKB
print syscall($bpf, 5, $load, 120) >= 0 ? "loaded\n" : "bpf: $!\n";
my ($type, $place) = ("cgroup2", "/tmp");
print syscall($mount, $type, $place, $type, 0, 0) == 0 ? "mounted\n" : "mount: $!\n";
