package io.kith.load.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;

/**
 * A flow log and its inventory, made from a seed: ten days of an application of twenty workloads
 * with three replicas each, which are replaced every two days and by a new image on day six.
 *
 * <p>Each workload has two programs with up to twelve destinations, some called often and some
 * seldom; one flow in 10,000 goes where nobody went before. Times are even: a log has as many flows
 * per second as its length says.
 */
final class GeneratedLog {
  private static final double START = 1_772_000_000;
  private static final double DAYS = 10;
  private static final double DAY = 86_400;
  private static final int WORKLOADS = 20;
  private static final int REPLICAS = 3;
  private static final int GENERATION_DAYS = 2;
  private static final int NEW_IMAGE_DAY = 6;
  private static final int DESTINATIONS = 12;

  private final long seed;

  GeneratedLog(long seed) {
    this.seed = seed;
  }

  /** Writes when each pod ran, gzip'd. */
  void writeInventory(Path to) throws IOException {
    try (var out = open(to)) {
      for (var day = 0; day < DAYS; day += GENERATION_DAYS) {
        for (var workload = 0; workload < WORKLOADS; workload++) {
          for (var replica = 0; replica < REPLICAS; replica++) {
            out.write(
                String.format(
                    Locale.ROOT,
                    "{\"start\":%.1f,\"stop\":%.1f,%s,\"ip\":\"10.42.%d.%d\",\"kind\":\"deployment\"}%n",
                    START + day * DAY,
                    START + (day + GENERATION_DAYS) * DAY,
                    pod(workload, replica, day),
                    workload,
                    replica + 1 + 10 * day));
          }
        }
      }
    }
  }

  /** Writes so many flows, gzip'd. */
  void writeFlows(Path to, int flows) throws IOException {
    var random = new SplittableRandom(seed);
    try (var out = open(to)) {
      for (var n = 0; n < flows; n++) {
        var age = DAYS * n / flows;
        var workload = random.nextInt(WORKLOADS);
        out.write(flow(START + age * DAY + 1, (int) age, workload, random));
      }
    }
  }

  private String flow(double time, int day, int workload, SplittableRandom random) {
    var program = random.nextInt(2);
    // the lower, the more often
    var one = random.nextInt(DESTINATIONS);
    var often = Math.min(one, random.nextInt(DESTINATIONS));
    var target = random.nextInt(10_000) == 0 ? DESTINATIONS + random.nextInt(1_000_000) : often;
    return String.format(
        Locale.ROOT,
        "{\"t\":%.3f,\"env\":\"prod\",%s,\"process\":%s,\"dst\":%s}%n",
        time,
        pod(workload, random.nextInt(REPLICAS), day - day % GENERATION_DAYS),
        process(workload, program, day),
        target(workload, program, target, random));
  }

  private String pod(int workload, int replica, int day) {
    return String.format(
        Locale.ROOT,
        "\"app\":\"app-%d\",\"workload\":\"spiffe://prod.example/ns/team-%d/sa/app-%d\","
            + "\"image\":\"registry/app-%d\",\"digest\":\"sha256:%s\",\"replica\":\"app-%d-%x-%d\"",
        workload,
        workload % 7,
        workload,
        workload,
        hash(workload, day >= NEW_IMAGE_DAY ? 1 : 0),
        workload,
        day + 16,
        replica);
  }

  private String process(int workload, int program, int day) {
    var hash = hash(workload, day >= NEW_IMAGE_DAY ? 11 + program : 21 + program);
    return program == 0
        ? String.format(
            Locale.ROOT,
            "{\"path\":\"/usr/lib/jvm/java-21/bin/java\",\"sha256\":\"%s\",\"uid\":10001,"
                + "\"comm\":\"java\",\"parent\":[\"/bin/busybox\"],"
                + "\"script\":\"/srv/app-%d.jar\",\"origin\":\"image\"}",
            hash,
            workload)
        : String.format(
            Locale.ROOT,
            "{\"path\":\"/app/bin/agent\",\"sha256\":\"%s\",\"uid\":10001,\"comm\":\"agent\","
                + "\"parent\":[\"/usr/lib/jvm/java-21/bin/java\",\"/bin/busybox\"],"
                + "\"script\":null,\"origin\":\"image\"}",
            hash);
  }

  private String target(int workload, int program, int target, SplittableRandom random) {
    var salt = GeneratedMesh.mix(seed, workload * 2 + program, target);
    return switch ((int) (salt & 7)) {
      case 0 -> outside("api-" + (char) ('a' + target % 26) + target + ".example.com", salt);
      case 1 -> outside("s" + random.nextInt(40) + ".cdn-" + target % 99 + ".example.org", salt);
      case 2 ->
          String.format(
              Locale.ROOT,
              "{\"host\":null,\"ip\":\"10.77.%d.%d\",\"port\":9000,\"proto\":\"tcp\"}",
              salt >>> 8 & 0xff,
              random.nextInt(1, 8));
      default -> {
        var peer = (int) (salt >>> 8 & 0xff) % WORKLOADS;
        yield String.format(
            Locale.ROOT,
            "{\"host\":\"app-%d.team-%d.svc.cluster.local\",\"ip\":\"10.43.0.%d\",\"port\":%d,"
                + "\"proto\":\"tcp\",\"sni\":null,"
                + "\"spiffe\":\"spiffe://prod.example/ns/team-%d/sa/app-%d\"}",
            peer,
            peer % 7,
            peer,
            8_000 + (salt >>> 16 & 7),
            peer % 7,
            peer);
      }
    };
  }

  private static String outside(String host, long salt) {
    return String.format(
        Locale.ROOT,
        "{\"host\":\"%s\",\"ip\":\"203.0.113.%d\",\"port\":443,\"proto\":\"tcp\",\"sni\":\"%s\"}",
        host,
        salt >>> 24 & 0xff,
        host);
  }

  private String hash(int one, int two) {
    return HexFormat.of().toHexDigits(GeneratedMesh.mix(seed, one, two)).repeat(4);
  }

  private static Writer open(Path to) throws IOException {
    return new BufferedWriter(
        new OutputStreamWriter(new GZIPOutputStream(Files.newOutputStream(to), 1 << 16), UTF_8));
  }
}
