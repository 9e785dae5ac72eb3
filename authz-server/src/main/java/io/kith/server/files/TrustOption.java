package io.kith.server.files;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** The option that names whose bundles are trusted. */
public final class TrustOption {
  @Option(
      names = "--trust",
      paramLabel = "FILE",
      description = "Public key (PEM) of who may sign a bundle; may be given several times.")
  public List<Path> files = List.of();
}
