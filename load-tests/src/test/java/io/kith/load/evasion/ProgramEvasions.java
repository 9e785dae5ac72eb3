package io.kith.load.evasion;

import static io.kith.load.evasion.Evasion.notCovered;
import static io.kith.load.evasion.Evasion.refused;

import java.util.List;
import java.util.Set;

/** Being another program, or seeming to be one that is allowed. */
final class ProgramEvasions {
  private static final String FETCH = "exec /tmp/c2 -sS --max-time 5 http://CATALOG:8080/dump";

  private ProgramEvasions() {}

  static List<Evasion> all() {
    return List.of(
        refused(
            "A tool of the image (curl)",
            "T1105, T1059.004",
            "`new_destination`: a program may go where it was learned to go, and nowhere else",
            it ->
                it.isDenied(
                    "/usr/bin/curl",
                    Set.of("new_destination", "new_process"),
                    () -> it.bash("/usr/bin/curl -sS --max-time 5 http://CATALOG:8080/; :"))),
        refused(
            "A shell's own sockets (`/dev/tcp`)",
            "T1059.004",
            "`interpreter_inline`: the shell is the process, and it runs code that is no file",
            it ->
                it.isDenied(
                    "/usr/bin/bash",
                    Set.of("interpreter_inline", "new_process"),
                    () -> it.bash("exec 3<>/dev/tcp/DB/5432; echo DUMP >&3; cat <&3"))),
        refused(
            "Inline code (`perl -e`)",
            "T1059.006, T1059.004, T1059.007",
            "`interpreter_inline`",
            it ->
                it.isDenied(
                    "/usr/bin/perl",
                    "interpreter_inline",
                    () ->
                        it.app(
                            "/usr/bin/perl",
                            "-MIO::Socket::INET",
                            "-e",
                            "my $s = IO::Socket::INET->new(PeerAddr => 'DB:5432') or die; print $s"
                                + " \"DUMP\\n\"; print <$s>"))),
        refused(
            "A dropped script, run by the allowed interpreter",
            "T1059.006, T1105",
            "`new_process`: the script is part of the process's class",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/exfil.pl",
                    "new_process",
                    () -> it.perl("exfil.pl", "DB", "5432"))),
        refused(
            "A script on standard input",
            "T1059.006",
            "`interpreter_inline`",
            it ->
                it.isDenied(
                    "/usr/bin/perl stdin",
                    Set.of("interpreter_inline", "new_process"),
                    () -> it.bash("/usr/bin/perl - DB 5432 < /tmp/exfil.pl"))),
        refused(
            "An allowed program copied to another place",
            "T1036.005, T1036.003",
            "`origin_not_in_image`: the same hash at another path is another program",
            it ->
                it.isDenied(
                    "/tmp/c2",
                    Set.of("origin_not_in_image", "new_process"),
                    () -> it.bash("cp /usr/bin/curl /tmp/c2; " + FETCH))),
        refused(
            "An allowed script overwritten",
            "T1554",
            "`origin_not_in_image` or `hash_changed`: what runs is not what the image has",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/spare",
                    Set.of("origin_not_in_image", "hash_changed"),
                    () ->
                        it.rootBash(
                            "cat /tmp/exfil.pl > /app/spare; exec setpriv --reuid 1000 --regid 1000"
                                + " --clear-groups /usr/bin/perl /app/spare DB 5432"))),
        refused(
            "A file mounted over an allowed program",
            "T1036.005",
            "`hash_changed` or `origin_not_in_image`: the path lies, the file's hash and device do"
                + " not",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/checkout",
                    Set.of("origin_not_in_image", "hash_changed", "new_process"),
                    () ->
                        it.perl(
                            "mount-over.pl",
                            "/tmp/exfil.pl",
                            "/app/checkout",
                            "/usr/bin/perl",
                            "/app/checkout",
                            "DB",
                            "5432"))),
        refused(
            "A program that is in memory only (memfd)",
            "T1620",
            "`origin_not_in_image`",
            it ->
                it.isDenied(
                    "/memfd:update",
                    "origin_not_in_image",
                    () -> it.perl("from-memory.pl", "http://CATALOG:8080/dump"))),
        refused(
            "A program deleted after its start",
            "T1070.004",
            "`origin_not_in_image`",
            it ->
                it.isDenied(
                    "/tmp/gone",
                    "origin_not_in_image",
                    () ->
                        it.bash(
                            "cp /bin/bash /tmp/gone; exec /tmp/gone -c 'rm /tmp/gone; exec"
                                + " 3<>/dev/tcp/DB/5432; echo DUMP >&3; cat <&3'"))),
        refused(
            "The same, with another link to it left",
            "T1070.004",
            "`origin_not_in_image`",
            it ->
                it.isDenied(
                    "/tmp/one-of-two",
                    "origin_not_in_image",
                    () ->
                        it.bash(
                            "cp /bin/bash /tmp/one-of-two; ln /tmp/one-of-two /tmp/the-other; exec"
                                + " /tmp/one-of-two -c 'rm /tmp/one-of-two; exec"
                                + " 3<>/dev/tcp/DB/5432; echo DUMP >&3; cat <&3'"))),
        refused(
            "Another name and other arguments (`prctl`, `argv`)",
            "T1036.011, T1036.004",
            "`new_process`: neither is believed; a script is known since the exec",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/masquerade.pl",
                    "new_process",
                    () -> it.perl("masquerade.pl", "DB", "5432"))),
        refused(
            "The first argument of an allowed program (`exec -a`)",
            "T1036.004",
            "`new_process`",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/exfil.pl",
                    "new_process",
                    () -> it.bash("exec -a /app/checkout /usr/bin/perl /tmp/exfil.pl DB 5432"))),
        refused(
            "A library before all others (LD_PRELOAD)",
            "T1574.006",
            "`injected_code`: a mapping that is not of the image",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/checkout",
                    "injected_code",
                    () -> it.bash(LIBRARY + "LD_PRELOAD=/tmp/evil.so exec /app/checkout DB 5432"))),
        refused(
            "The same, removed after its start, with another link to it left",
            "T1574.006, T1070.004",
            "`injected_code`",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/checkout",
                    "injected_code",
                    () ->
                        it.bash(
                            LIBRARY
                                + "ln /tmp/evil.so /tmp/other.so; echo 'unlink \"/tmp/evil.so\";' >"
                                + " /tmp/Gone.pm; LD_PRELOAD=/tmp/evil.so PERL5LIB=/tmp"
                                + " PERL5OPT=-MGone exec /app/checkout DB 5432"))),
        refused(
            "The same from a root of one's own (user namespace, overlay)",
            "T1611, T1574.006",
            "`origin_not_in_image`",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/checkout",
                    "origin_not_in_image",
                    () ->
                        it.bash(
                            LIBRARY
                                + "mkdir -p /tmp/evil /tmp/copy/proc /tmp/copy/dev /tmp/root;"
                                + " cp -a /bin /lib* /usr /app /tmp/copy; cp /tmp/evil.so /tmp/evil;"
                                + " exec /usr/bin/perl /tmp/own-root.pl /tmp/evil /tmp/copy"
                                + " /tmp/root /usr/bin/env LD_PRELOAD=/evil.so /app/checkout DB"
                                + " 5432"))),
        refused(
            "A native module, loaded later (dlopen)",
            "T1574.006, T1129",
            "`injected_code`",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/checkout",
                    "injected_code",
                    () ->
                        it.bash(
                            LIBRARY
                                + "echo 'package Evil; require XSLoader;"
                                + " DynaLoader::dl_load_file(\"/tmp/evil.so\") or die; 1' >"
                                + " /tmp/Evil.pm; PERL5LIB=/tmp PERL5OPT=-MEvil exec /app/checkout"
                                + " DB 5432"))),
        refused(
            "A connection that is opened before an allowed program is run",
            "T1036",
            "`new_process`: the program is the one that connected, as the kernel noted it then",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/connect-exec.pl",
                    "new_process",
                    () -> it.perl("connect-exec.pl", "DB", "5432", "/bin/sleep", "1"))),
        refused(
            "A process without its first thread",
            "T1564",
            "`new_process`: the record of the connect needs no /proc",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/leaderless.pl",
                    "new_process",
                    () -> it.perl("leaderless.pl", "DB", "5432"))),
        refused(
            "Lineage broken by forking twice",
            "T1036.009",
            "`lineage_mismatch` or `new_process`: ancestors are known since they started it",
            it ->
                it.isDenied(
                    "/usr/bin/curl",
                    Set.of("lineage_mismatch", "new_process", "new_destination"),
                    () ->
                        it.perl(
                            "double-fork.pl",
                            "/usr/bin/curl",
                            "-sSk",
                            "--max-time",
                            "5",
                            "https://payments/charge"))),
        refused(
            "A session from outside (`kubectl exec`, `docker exec`)",
            "T1609, T1059.004",
            "`lineage_mismatch`: a session is no child of the container's first process",
            it ->
                it.isDenied(
                    "/usr/bin/perl /app/checkout",
                    Set.of("lineage_mismatch", "new_process"),
                    () ->
                        Intruder.Said.of(
                            it.mesh
                                .checkout()
                                .exec(
                                    Intruder.LIMIT,
                                    1000,
                                    it.argv("/app/checkout", "DB", "5432"))))),
        refused(
            "io_uring in place of system calls",
            "T1106",
            "`new_process`: the hook is behind all ways to connect",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/ring.pl",
                    "new_process",
                    () -> it.perl("ring.pl", "DB", "5432"))),
        refused(
            "A ring that a thread of the kernel works off (SQPOLL), used by a child",
            "T1106",
            "`new_process`: it is the ring owner's connection",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/ring.pl",
                    "new_process",
                    () -> it.perl("ring.pl", "DB", "5432", "sqpoll"))),
        notCovered(
            "Code of an interpreter, loaded into an allowed program (PERL5OPT)",
            "T1574.006, T1059.006",
            "code inside an allowed process: no mapping and no exec tells of it. Set such variables"
                + " in no image, and give no shell",
            it ->
                it.isAllowedAs(
                    "/usr/bin/perl /app/checkout",
                    it.mesh.database(),
                    () ->
                        it.bash(
                            "echo 'package Quiet; $ENV{quiet} = 1; 1' > /tmp/Quiet.pm;"
                                + " PERL5LIB=/tmp PERL5OPT=-MQuiet exec /app/checkout DB 5432"))),
        notCovered(
            "Code written into an allowed process (`/proc/PID/mem`)",
            "T1055.009",
            INJECTION,
            it -> inject(it, "mem")),
        notCovered(
            "Code written into an allowed process (ptrace)",
            "T1055.008",
            INJECTION,
            it -> inject(it, "ptrace")));
  }

  private static final String INJECTION =
      "injection: it is the victim that connects, to where it may. Elsewhere it is refused. Yama"
          + " scope 1 or higher, no CAP_SYS_PTRACE, users of their own";

  /** A library of the image with a byte more, so that it is none of the image. */
  private static final String LIBRARY =
      "for lib in /usr/lib/*/libz.so.1 /usr/lib64/libz.so.1 /lib/*/libz.so.1; do"
          + " if [ -e $lib ]; then cat $lib > /tmp/evil.so; break; fi; done;"
          + " echo x >> /tmp/evil.so; ";

  private static void inject(Intruder it, String how) throws Exception {
    var victim = Long.toString(it.at.relay.pid());
    try {
      it.isAllowedAs(
          "/usr/bin/perl /app/relay",
          it.mesh.database(),
          () -> it.rootPerl("inject.pl", how, victim, "DB", "5432"));
    } finally {
      it.at.relay.kill();
      it.at.relay = it.at.startRelay();
    }
  }
}
