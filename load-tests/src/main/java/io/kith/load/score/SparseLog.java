package io.kith.load.score;

import io.kith.baselines.replay.FlowRecord;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * A flow log that is hard on the learner: many workloads, each with little traffic to many names.
 *
 * <p>Of every ten connections of a workload three go to one of four services of its mesh and seven
 * to a name drawn from those of one wildcard: a content network outside for every other workload,
 * the pods of a StatefulSet for the rest. So new names turn up for as long as the log lasts, and
 * each pattern has many members. The same seed makes the same log.
 *
 * @param names members of each wildcard
 * @param days how long it lasts, from a fixed day on
 */
public record SparseLog(int flows, int workloads, int names, int days, long seed) {
  private static final double START = 1_772_418_600;
  private static final int PODS = 2;
  private static final int SERVICES = 4;

  /** Six hundred thousand flows of a hundred workloads in four days, 256 names to a wildcard. */
  public static SparseLog standard() {
    return new SparseLog(600_000, 100, 256, 4, 7);
  }

  /** The flows, in the order of their times. */
  public Stream<FlowRecord> records() {
    var random = new Random(seed);
    var step = days * 86_400.0 / flows;
    return IntStream.range(0, flows)
        .mapToObj(i -> flow(Math.round((START + i * step) * 1e3) / 1e3, random));
  }

  private FlowRecord flow(double time, Random random) {
    var workload = random.nextInt(workloads);
    var app = "app-" + workload;
    return new FlowRecord(
        time,
        "prod",
        app,
        "spiffe://prod.mesh.example/ns/shop/sa/" + app,
        String.format(Locale.ROOT, "sha256:%064x", workload),
        app + "-" + random.nextInt(PODS),
        new FlowRecord.Program(
            "/srv/" + app + "/bin/serve",
            String.format(Locale.ROOT, "%064x", workload + 1_000_000),
            1_000,
            "serve",
            List.of("/usr/bin/tini"),
            null,
            "image",
            null,
            false,
            null,
            null),
        random.nextInt(10) < 3
            ? service(workload, random.nextInt(SERVICES))
            : member(workload, random.nextInt(names)));
  }

  private static FlowRecord.Target service(int workload, int service) {
    var sibling = (workload + 1 + service) % 256;
    return target("app-" + sibling + ".shop.svc.cluster.local", "10.43.0." + sibling, 8_080);
  }

  private static FlowRecord.Target member(int workload, int name) {
    return workload % 2 == 0
        ? target("s" + name + ".cdn-" + workload + ".example", "198.51.100." + name % 256, 443)
        : target(
            "shard-" + name + ".store-" + workload + ".shop.svc.cluster.local",
            "10.42." + workload % 256 + "." + name % 256,
            6_379);
  }

  private static FlowRecord.Target target(String host, String ip, int port) {
    return new FlowRecord.Target(host, ip, port, "tcp", null, null, null);
  }

  /** Writes it as gzip'd JSON Lines. */
  public void write(Path file) throws IOException {
    try (var out =
            new BufferedWriter(
                new OutputStreamWriter(
                    new GZIPOutputStream(Files.newOutputStream(file), 1 << 16),
                    StandardCharsets.UTF_8));
        var records = records()) {
      for (var flow : (Iterable<FlowRecord>) records::iterator) {
        out.write(line(flow));
        out.write('\n');
      }
    }
  }

  /** Nothing in it needs to be escaped. */
  private static String line(FlowRecord flow) {
    var process = flow.process();
    var target = flow.target();
    return String.format(
        Locale.ROOT,
        "{\"t\":%.3f,\"env\":\"%s\",\"app\":\"%s\",\"workload\":\"%s\",\"digest\":\"%s\","
            + "\"replica\":\"%s\",\"process\":{\"path\":\"%s\",\"sha256\":\"%s\",\"uid\":%d,"
            + "\"comm\":\"%s\",\"parent\":[\"%s\"],\"script\":null,\"origin\":\"%s\"},"
            + "\"dst\":{\"host\":\"%s\",\"ip\":\"%s\",\"port\":%d,\"proto\":\"%s\",\"sni\":null}}",
        flow.time(),
        flow.environment(),
        flow.app(),
        flow.workload(),
        flow.digest(),
        flow.replica(),
        process.path(),
        process.sha256(),
        process.uid(),
        process.comm(),
        process.parents().getFirst(),
        process.origin(),
        target.host(),
        target.ip(),
        target.port(),
        target.protocol());
  }
}
