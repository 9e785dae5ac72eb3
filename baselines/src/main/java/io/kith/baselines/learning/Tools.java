package io.kith.baselines.learning;

import io.kith.baselines.process.ProcessClass;
import java.util.Set;

/**
 * Programs that an intruder finds in an image and that serve any purpose: shells, downloaders,
 * interpreters without a script.
 */
final class Tools {
  private static final Set<String> ANYWAY =
      Set.of(
          "sh",
          "bash",
          "dash",
          "ash",
          "zsh",
          "ksh",
          "busybox",
          "curl",
          "wget",
          "nc",
          "ncat",
          "netcat",
          "socat",
          "telnet",
          "ssh",
          "scp",
          "sftp",
          "ftp",
          "rsync",
          "nslookup",
          "dig",
          "host",
          "ping",
          "nmap",
          "openssl",
          "tcpdump",
          "kubectl",
          "git",
          "apt",
          "apt-get",
          "apk",
          "yum",
          "dnf",
          "pip",
          "pip#",
          "npm",
          "awk",
          "gawk",
          "gdb",
          "strace",
          "env",
          "xargs");
  private static final Set<String> WITHOUT_SCRIPT =
      Set.of(
          "python",
          "python#",
          "python#.#",
          "perl",
          "perl#",
          "ruby",
          "ruby#",
          "node",
          "php",
          "php#",
          "lua",
          "lua#");

  private Tools() {}

  static boolean isTool(ProcessClass process) {
    var program = process.program();
    var file = process.path().substring(process.path().lastIndexOf('/') + 1);
    return ANYWAY.contains(program)
        || ANYWAY.contains(file)
        || (process.script() == null
            && (WITHOUT_SCRIPT.contains(program) || WITHOUT_SCRIPT.contains(file)));
  }
}
