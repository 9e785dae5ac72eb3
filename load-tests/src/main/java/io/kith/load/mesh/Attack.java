package io.kith.load.mesh;

import java.util.List;

/**
 * What an intruder does inside a workload, and the reason for which Kith refuses it.
 *
 * @param name short, for tables
 * @param story one sentence for people
 * @param reason code of the reason
 * @param process the process that is refused, in words
 * @param argv what runs in the container; {@code DB}, {@code CATALOG} and {@code STRANGER} stand
 *     for addresses
 * @param target which upstream must see no byte
 */
public record Attack(
    String name, String story, String reason, String process, List<String> argv, Target target) {
  /** Whom an attack is aimed at. */
  public enum Target {
    DATABASE,
    CATALOG,
    STRANGER
  }

  public Attack {
    argv = List.copyOf(argv);
  }

  /** A tool that lies in the image, and that nobody uses in normal operation. */
  public static final Attack ANOTHER_PROGRAM =
      new Attack(
          "another program",
          "an admin tool that ships in the image dumps the orders database",
          "new_process",
          "/usr/bin/perl /app/tools/db-shell",
          List.of("/app/tools/db-shell", "DB", "5432"),
          Target.DATABASE);

  /** The attacks of the demo and of the tests, in the order in which they are shown. */
  public static final List<Attack> ALL =
      List.of(
          ANOTHER_PROGRAM,
          new Attack(
              "unknown address",
              "the checkout program itself is made to call an unknown host",
              "new_destination",
              "/usr/bin/perl /app/checkout",
              List.of("/app/checkout", "STRANGER", "4444"),
              Target.STRANGER),
          new Attack(
              "renamed copy",
              "curl is copied to /tmp, renamed, and fetches the catalog",
              "origin_not_in_image",
              "/tmp/kworker",
              List.of(
                  "/bin/bash",
                  "-c",
                  "cp /usr/bin/curl /tmp/kworker && exec /tmp/kworker -sS --max-time 5"
                      + " http://CATALOG:8080/dump"),
              Target.CATALOG),
          new Attack(
              "another script",
              "the interpreter that runs checkout runs a dropped script instead",
              "new_process",
              "/usr/bin/perl /tmp/exfil.pl",
              List.of("/usr/bin/perl", "/tmp/exfil.pl", "DB", "5432"),
              Target.DATABASE),
          new Attack(
              "run from memory",
              "a program that exists in memory only fetches the catalog",
              "origin_not_in_image",
              "/memfd:update",
              List.of("/usr/bin/perl", "/tmp/from-memory.pl", "http://CATALOG:8080/dump"),
              Target.CATALOG),
          new Attack(
              "hit and run",
              "a process connects to the database, sends, closes and is gone at once",
              "new_process",
              "/usr/bin/perl /tmp/beacon.pl",
              List.of("/usr/bin/perl", "/tmp/beacon.pl", "DB", "5432"),
              Target.DATABASE));
}
