package io.kith.server.files;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.bundle.Bundles;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.export.NativeYaml;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Problem;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Baselines in files: native YAML, or a signed bundle. */
public final class BaselineFiles {
  private BaselineFiles() {}

  /** A bundle whose signature holds, and whose it is. */
  public record Signed(Bundle bundle, String keyId) {}

  /**
   * The baselines of a file, by owner.
   *
   * @param trusted public keys of those who may sign a bundle; native YAML has no signature
   */
  public static Map<Owner, Baseline> read(Path file, List<Path> trusted) throws Failure {
    var text = TextFile.read(file);
    var baselines =
        isBundle(text) ? open(file, text, trusted).bundle().baselines() : readNative(file, text);
    var byOwner = new TreeMap<Owner, Baseline>();
    baselines.forEach(baseline -> byOwner.put(baseline.owner(), baseline));
    return byOwner;
  }

  /** Those of several files; of one workload only once. */
  public static Map<Owner, Baseline> readAll(List<Path> files, List<Path> trusted) throws Failure {
    var all = new TreeMap<Owner, Baseline>();
    for (var file : files) {
      for (var baseline : read(file, trusted).values()) {
        if (all.putIfAbsent(baseline.owner(), baseline) != null) {
          throw Failure.refused(
              file + ": " + baseline.owner() + " is in another file too (expected: in one)");
        }
      }
    }
    return all;
  }

  private static boolean isBundle(String text) {
    return text.stripLeading().startsWith("{");
  }

  /** A bundle that one of these keys signed. */
  public static Signed readBundle(Path file, List<Path> trusted) throws Failure {
    return open(file, TextFile.read(file), trusted);
  }

  private static Signed open(Path file, String text, List<Path> trusted) throws Failure {
    if (trusted.isEmpty()) {
      throw Failure.usage(
          file + ": is a bundle (expected: --trust FILE with the public key of who signed it)");
    }
    return switch (Bundles.open(text, KeyFiles.bundlers(trusted), Instant.now())) {
      case Bundles.Opened.Accepted(var bundle, var keyId) -> new Signed(bundle, keyId);
      case Bundles.Opened.Refused(var why) -> throw Failure.refused(file + ": " + why);
    };
  }

  private static List<Baseline> readNative(Path file, String text) throws Failure {
    return switch (NativeYaml.read(String.valueOf(file.getFileName()), text)) {
      case NativeYaml.Read.Accepted(var baselines) -> baselines;
      case NativeYaml.Read.Refused(var problems) -> throw refused(problems);
    };
  }

  /** All problems of a file in one message, a line each. */
  static Failure refused(List<Problem> problems) {
    return Failure.refused(
        problems.stream().map(Problem::toString).collect(Collectors.joining("\nkith: ")));
  }
}
