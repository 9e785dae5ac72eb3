package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The two programs that redirect a workload's connections. On Debian and Ubuntu they are fetched
 * without being installed: the packages are unpacked into the cache and run with their own
 * libraries.
 */
public record Iptables(Path v4, Path v6, String from) {
  private static final List<String> PACKAGES =
      List.of(
          "iptables",
          "libip4tc2",
          "libip6tc2",
          "libmnl0",
          "libnetfilter-conntrack3",
          "libnfnetlink0",
          "libnftnl11",
          "libxtables12");

  /**
   * iptables of {@code KITH_IPTABLES} (ip6tables lies beside it), else of {@code PATH}, else of the
   * cache, else fetched into it.
   */
  public static Iptables find(Consumer<String> say) throws InterruptedException {
    var chosen = System.getenv("KITH_IPTABLES");
    if (chosen != null && !chosen.isBlank()) {
      var v4 = Envoy.requireExecutable("KITH_IPTABLES", chosen);
      return new Iptables(
          v4,
          Envoy.requireExecutable("KITH_IPTABLES", v4.resolveSibling("ip6tables").toString()),
          "KITH_IPTABLES");
    }
    var v4 = Command.find("iptables");
    var v6 = Command.find("ip6tables");
    if (v4 != null && v6 != null) {
      return new Iptables(v4, v6, "PATH");
    }
    return fetch(ToolCache.ofUser(), say);
  }

  private static Iptables fetch(ToolCache cache, Consumer<String> say) throws InterruptedException {
    var apt = Command.find("apt-get");
    var dpkg = Command.find("dpkg");
    if (apt == null || dpkg == null) {
      throw missing("this system has no apt-get to fetch it with");
    }
    var folder = cache.folder("iptables", "debian");
    if (!Files.isDirectory(folder)) {
      say.accept("fetching iptables into " + folder + " (1 MB, once; nothing is installed)");
    }
    cache.fetch("iptables", "debian", fresh -> fill(apt, dpkg, fresh));
    return new Iptables(folder.resolve("iptables"), folder.resolve("ip6tables"), "cache");
  }

  private static void fill(Path apt, Path dpkg, Path folder)
      throws IOException, InterruptedException {
    var outcome = download(apt, folder);
    if (!outcome.succeeded()) { // often: the lists of packages are empty or old
      Command.run(Duration.ofMinutes(3), List.of(apt.toString(), "update"));
      outcome = download(apt, folder);
    }
    if (!outcome.succeeded()) {
      throw missing("'apt-get download iptables' says: " + Command.tail(outcome.output(), 2));
    }
    var root = folder.resolve("root");
    try (var packages = Files.newDirectoryStream(folder, "*.deb")) {
      for (var file : packages) {
        Command.run(
                Duration.ofMinutes(1),
                List.of(dpkg.toString(), "-x", file.toString(), root.toString()))
            .orFail();
        Files.delete(file);
      }
    }
    writeWrapper(folder, "iptables");
    writeWrapper(folder, "ip6tables");
    Command.run(Duration.ofMinutes(1), List.of(folder.resolve("iptables").toString(), "--version"))
        .orFail();
  }

  private static Command.Outcome download(Path apt, Path folder)
      throws IOException, InterruptedException {
    var argv = new ArrayList<>(List.of(apt.toString(), "-qq", "download"));
    argv.addAll(PACKAGES);
    return Command.run(Duration.ofMinutes(3), folder, Map.of(), argv);
  }

  private static void writeWrapper(Path folder, String name) throws IOException {
    var script =
        """
        #!/bin/sh
        # NAME out of its unpacked package, with the package's libraries.
        here=$(dirname "$(readlink -f "$0")")
        for libraries in "$here"/root/usr/lib/*/xtables; do :; done
        LD_LIBRARY_PATH=$(dirname "$libraries") XTABLES_LIBDIR=$libraries \\
          exec "$here/root/usr/sbin/xtables-${KITH_XTABLES:-nft}-multi" NAME "$@"
        """;
    var file = folder.resolve(name);
    Files.writeString(file, script.replace("NAME", name));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static MissingToolException missing(String why) {
    return new MissingToolException(
        "iptables is missing and "
            + why
            + " (install the package iptables, or set KITH_IPTABLES to its program)");
  }
}
