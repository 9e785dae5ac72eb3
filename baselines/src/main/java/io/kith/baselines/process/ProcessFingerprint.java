package io.kith.baselines.process;

import static java.util.Objects.requireNonNull;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which program runs inside a workload.
 *
 * @param path absolute path of the executable inside the process's root; display and class only, a
 *     path can be made to lie; empty when not captured
 * @param sha256 of the executable, or null when not hashed
 * @param origin where the executable came from
 * @param uid effective user id as the host sees it
 * @param program last segment of the path by which it was executed; tells apart the applets of one
 *     binary
 * @param script null for native programs
 * @param lineage executables of the ancestors inside the container, nearest first
 * @param container name, or null
 * @param imageDigest {@code sha256:…}, or null
 * @param injectedMappings executable mappings that are not from the image, as paths
 * @param execSession started under an interactive exec
 */
public record ProcessFingerprint(
    String path,
    @Nullable String sha256,
    Origin origin,
    int uid,
    EntryKind entryKind,
    String program,
    @Nullable Script script,
    List<String> lineage,
    @Nullable String container,
    @Nullable String imageDigest,
    List<String> injectedMappings,
    boolean execSession) {
  public ProcessFingerprint {
    requireNonNull(path, "path");
    Sha256.check(sha256);
    requireNonNull(origin, "origin");
    requireNonNull(entryKind, "entryKind");
    requireNonNull(program, "program");
    lineage = List.copyOf(lineage);
    injectedMappings = List.copyOf(injectedMappings);
  }

  /** For people: the executable and, for interpreters, what it runs. */
  public String words() {
    if (path.isEmpty()) {
      return "an unknown program";
    }
    return script == null ? path : path + " " + script.path();
  }
}
