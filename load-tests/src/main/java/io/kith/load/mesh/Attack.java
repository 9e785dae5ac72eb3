package io.kith.load.mesh;

import java.util.List;
import java.util.Map;

/**
 * What an intruder does inside a workload, and the reason for which Kith refuses it.
 *
 * @param name short, for tables
 * @param story one sentence for people
 * @param reason code of the reason
 * @param process the process that is refused, in words, as a pod has it
 * @param argv what runs; {@code DB}, {@code CATALOG} and {@code STRANGER} stand for addresses, the
 *     same with {@code _PORT} for ports
 * @param target which upstream must see no byte
 * @param orReason another reason that is as right, when it depends on who is faster; else the same
 * @param note what is weaker here than in the whole story, for people; may be empty
 */
public record Attack(
    String name,
    String story,
    String reason,
    String process,
    List<String> argv,
    Target target,
    String orReason,
    String note) {
  /** Whom an attack is aimed at. */
  public enum Target {
    DATABASE,
    CATALOG,
    STRANGER
  }

  /** Where an upstream is reached. */
  public record Place(String host, int port) {
    @Override
    public String toString() {
      return host + ":" + port;
    }

    /** A text with these places for their names, and for the same with {@code _PORT}. */
    static String in(String text, Map<String, Place> places) {
      for (var place : places.entrySet()) {
        var port = Integer.toString(place.getValue().port());
        text = text.replaceAll("\\b" + place.getKey() + "_PORT\\b", port);
        text = text.replaceAll("\\b" + place.getKey() + "\\b", place.getValue().host());
      }
      return text;
    }
  }

  public Attack {
    argv = List.copyOf(argv);
  }

  /** An attack with one right reason and nothing to note. */
  public Attack(
      String name, String story, String reason, String process, List<String> argv, Target target) {
    this(name, story, reason, process, argv, target, reason, "");
  }

  /** The same where less can be known. */
  private Attack weaker(String story, String reason, String orReason, String note) {
    return new Attack(name, story, reason, process, argv, target, orReason, note);
  }

  /** Whether a refusal has a reason that is right. */
  public boolean isRefusedFor(String code) {
    return code.equals(reason) || code.equals(orReason);
  }

  /** What runs, with these places for their names. */
  public List<String> argv(Map<String, Place> places) {
    return argv.stream().map(argument -> Place.in(argument, places)).toList();
  }

  /** A tool that lies in the image, and that nobody uses in normal operation. */
  public static final Attack ANOTHER_PROGRAM =
      new Attack(
          "another program",
          "an admin tool that ships in the image dumps the orders database",
          "new_process",
          "/usr/bin/perl /app/tools/db-shell",
          List.of("/app/tools/db-shell", "DB", "DB_PORT"),
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
              List.of("/app/checkout", "STRANGER", "STRANGER_PORT"),
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
                      + " http://CATALOG:CATALOG_PORT/dump"),
              Target.CATALOG),
          new Attack(
              "another script",
              "the interpreter that runs checkout runs a dropped script instead",
              "new_process",
              "/usr/bin/perl /tmp/exfil.pl",
              List.of("/usr/bin/perl", "/tmp/exfil.pl", "DB", "DB_PORT"),
              Target.DATABASE),
          new Attack(
              "run from memory",
              "a program that exists in memory only fetches the catalog",
              "origin_not_in_image",
              "/memfd:update",
              List.of("/usr/bin/perl", "/tmp/from-memory.pl", "http://CATALOG:CATALOG_PORT/dump"),
              Target.CATALOG),
          new Attack(
              "hit and run",
              "a process connects to the database, sends, closes and is gone at once",
              "new_process",
              "/usr/bin/perl /tmp/beacon.pl",
              List.of("/usr/bin/perl", "/tmp/beacon.pl", "DB", "DB_PORT"),
              Target.DATABASE));

  /**
   * The same attacks where a process is looked up after it connected, there is no image, and the
   * workload dials a port for each destination.
   */
  public static final List<Attack> WITHOUT_CAPTURE =
      List.of(
          ANOTHER_PROGRAM.weaker(
              "an admin tool that lies beside it dumps the orders database",
              "new_process",
              "new_process",
              ""),
          ALL.get(1)
              .weaker(
                  "the checkout program itself is made to call a host that Envoy could reach",
                  "new_destination",
                  "new_destination",
                  "what dials an address itself, past Envoy, is not seen without capture"),
          ALL.get(2)
              .weaker(
                  ALL.get(2).story,
                  "new_process",
                  "new_process",
                  "without an image it is a program never seen, not one that does not belong"),
          ALL.get(3),
          ALL.get(4),
          ALL.get(5)
              .weaker(
                  ALL.get(5).story,
                  "unattributed",
                  "new_process",
                  "it was gone before it could be looked up; with capture it has a name"));
}
