# Runs a program that the container's first process takes for its own child. Arguments: the program with its arguments.
use strict; use warnings; use POSIX;
if (my $child = fork) { waitpid $child, 0; select undef, undef, undef, 5 unless getppid == 1; exit; }
exit if fork;
setsid;
select undef, undef, undef, 0.01 until getppid == 1;
exec @ARGV;
