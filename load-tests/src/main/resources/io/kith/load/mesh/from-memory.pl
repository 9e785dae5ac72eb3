# Runs curl from memory: no file of it exists anywhere when it connects. Arguments: URL.
use strict; use warnings; use IO::Handle;
$^F = 255; # the descriptor has to survive exec
my $number = `uname -m 2>/dev/null` =~ /aarch64/ ? 279 : 319;
my $name = "update";
my $fd = syscall($number, $name, 0);
$fd >= 0 or die "memfd_create: $!\n";
open my $memory, ">&=", $fd or die "open: $!\n";
open my $file, "<", "/usr/bin/curl" or die "curl: $!\n";
binmode $_ for $memory, $file;
local $/;
my $code = <$file>;
print {$memory} $code;
$memory->flush;
open my $program, "<", "/proc/self/fd/$fd" or die "open: $!\n"; # a program that is open for writing cannot run
close $memory;
exec { "/proc/self/fd/" . fileno($program) } "update", "-sS", "--max-time", "5", $ARGV[0] or die "exec: $!\n";
